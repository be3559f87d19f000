import { hostname } from "node:os";
import { checkNotConducted, readSession, writeSession } from "../coordinator/run-session.ts";
import type { TlsChoice } from "../coordinator/run-tls.ts";
import { parseJoinUrl } from "../transport/join-url.ts";
import type { RunRequest } from "./conduct-run.ts";
import type { Advertised } from "./place-options.ts";

/** Where workers from elsewhere join the runs of a study. */
export interface GroupPlace {
  /** Of the first group; group i listens on port + i, or on a free one when the port is 0. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly advertise?: Advertised;
  readonly tls?: TlsChoice;
  /** Undefined: none is asked for. */
  readonly token: string | undefined;
}

/**
 * The token of a study's groups: `wished`, else that of its former start, so that workers find their way
 * back when `compare` was killed. Holds that no other process conducts the study.
 *
 * @throws {TrainerError} ERR_RUN_EXISTS, ERR_WRITE.
 */
export async function openStudySession(
  out: string,
  place: Pick<GroupPlace, "listen">,
  tokenOf: (former: Awaited<ReturnType<typeof readSession>>) => string | undefined,
): Promise<string | undefined> {
  await checkNotConducted(out);
  const token = tokenOf(await readSession(out));
  await writeSession(out, {
    ...{ runId: "study", listen: place.listen, token: token ?? null, isLocal: false },
    ...{ processId: process.pid, hostName: hostname() },
  });
  return token;
}

/** The doors of the groups: each stays where it was for every run of its group. */
export class StudyGroups {
  readonly #place: GroupPlace;
  readonly #onJoinUrl: (group: number, url: string) => void;
  /** By group; a group that is not here has had no run yet. */
  readonly #ports = new Map<number, number>();

  /** @param onJoinUrl told once for each group, counted from 0. */
  constructor(place: GroupPlace, onJoinUrl: (group: number, url: string) => void) {
    this.#place = place;
    this.#onJoinUrl = onJoinUrl;
  }

  /** How the next run of a group is reached. */
  doorOf(group: number): Pick<RunRequest, "listen" | "advertise" | "token" | "tls" | "onJoinUrl"> {
    const { listen, advertise, tls, token } = this.#place;
    const first = listen.port === 0 ? 0 : listen.port + group;
    const advertisedPort = advertise?.port === undefined ? undefined : advertise.port + group;
    return {
      listen: { host: listen.host, port: this.#ports.get(group) ?? first },
      ...(advertise === undefined
        ? {}
        : {
            advertise: {
              host: advertise.host,
              ...(advertisedPort === undefined ? {} : { port: advertisedPort }),
            },
          }),
      ...(tls === undefined ? {} : { tls }),
      ...(token === undefined ? {} : { token }),
      onJoinUrl: (url) => {
        if (!this.#ports.has(group)) this.#onJoinUrl(group, url);
        this.#ports.set(group, this.#portOf(url, first));
      },
    };
  }

  /** The port listened on; that of the URL, unless another is advertised. */
  #portOf(url: string, wished: number): number {
    return wished === 0 ? parseJoinUrl(url).port : wished;
  }
}
