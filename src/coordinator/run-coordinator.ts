import { randomBytes } from "node:crypto";
import { hostname, networkInterfaces } from "node:os";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Configuration } from "../configuration/configuration.ts";
import { openDataFolder } from "../data/open-data-folder.ts";
import { validationBatches } from "../data/validation-batches.ts";
import { checkPartLength } from "../data/validation-windows.ts";
import type { Link } from "../protocol/link.ts";
import { pinOf } from "../transport/credentials.ts";
import { formatHostPort, formatJoinUrl } from "../transport/join-url.ts";
import { listen } from "../transport/listen.ts";
import { isLoopback } from "../transport/loopback.ts";
import { SlotFolder } from "../transport/slot-folder.ts";
import { checkAudit, checkSteps, checkVocabulary } from "./check-run.ts";
import { Coordinator } from "./coordinator.ts";
import { FROM_SEED, findStart } from "./find-start.ts";
import { planRun } from "./plan-run.ts";
import { reachableHost } from "./reachable-host.ts";
import { readFormerRun } from "./read-former-run.ts";
import type { LocalExit } from "./run-events.ts";
import {
  checkRunFolder,
  makeRunFolder,
  readRunConfiguration,
  writeRunConfiguration,
  writeSummary,
} from "./run-folder.ts";
import { RunJournal } from "./run-journal.ts";
import type { RunObserver } from "./run-observer.ts";
import {
  checkNotConducted,
  newRunId,
  type RunSession,
  readSession,
  writeSession,
} from "./run-session.ts";
import { type Heritage, initialRunState } from "./run-state.ts";
import type { RunStatus } from "./run-status.ts";
import type { RunSummary } from "./run-summary.ts";
import { openRunTls, type RunTls, type TlsChoice } from "./run-tls.ts";
import { SnapshotStore } from "./snapshot-store.ts";
import { summarizeRun } from "./summarize-run.ts";
import { TokenFeed } from "./token-feed.ts";

/** What a run needs. */
export interface CoordinatorOptions {
  /** Path of the data folder. */
  readonly dataFolder: string;
  /** Path of the run folder; created when missing. */
  readonly runFolder: string;
  /** Complete, with `vocabSize`. */
  readonly configuration: Configuration;
  /** Port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Where workers reach it, if that is not where it listens. */
  readonly advertise?: { readonly host: string; readonly port?: number };
  /** What workers must show; undefined: anybody may join. */
  readonly token?: string;
  /** Undefined: without TLS, or as the resumed run was started. */
  readonly tls?: TlsChoice;
  /** Members without which the first step does not begin. */
  readonly minWorkers: number;
  /** Workers may compute with different engines; otherwise who differs from the first is refused. */
  readonly allowsMixedEngines?: boolean;
  /** The part of the leaves that a second worker computes as well, 0 to 1, to compare; default 0. */
  readonly auditRate?: number;
  /** Continue the run in `runFolder` from its newest whole checkpoint, or from the seed without one. */
  readonly isResume: boolean;
  /** All workers are children of this process: none outlives it. */
  readonly isLocal: boolean;
  /** Longest wait for the first `minWorkers`, and for a new worker after the last was lost. */
  readonly gatherTimeoutMs?: number;
  readonly packageVersion: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly onStatus?: (status: RunStatus) => void;
  readonly observer?: RunObserver;
  /** Told of each worker that was lost or dropped, by the name that it gave. */
  readonly onLost?: (name: string) => void;
  /** Told once, with the URL that workers dial: all but the token. */
  readonly onListening?: (url: string) => void;
  /** First abort: a checkpoint at the current step, then a clean end as `interrupted`. */
  readonly stopSignal: AbortSignal;
  /**
   * Aborted when nobody else will come, because local workers have ended: the run begins with who is
   * there, and ends as `failed` when nobody is left.
   */
  readonly noMoreWorkers?: AbortSignal;
  /** Whether payloads to workers on this machine may go through /dev/shm; default true. */
  readonly sharesMemory?: boolean;
  /** Put between each new link and its user: fault tests watch there. */
  readonly watchLink?: (link: Link) => Link;
  /** Given, once, whom to tell of local workers that end early. */
  readonly onConducting?: (tellExit: (exit: LocalExit) => void) => void;
}

/**
 * Conducts one run from gathering workers to the summary.
 *
 * @returns the summary, also when the run failed or was interrupted after it began: see `status`.
 * @throws {TrainerError} when the run cannot begin: ERR_USAGE, ERR_RUN_EXISTS, ERR_RUN_MISSING, ERR_PORT_IN_USE, ERR_TLS,
 *   ERR_VOCABULARY_MISMATCH, ERR_CONFIG_VALUE, ERR_WRITE, and those of the data folder and of the checkpoint.
 */
export async function runCoordinator(options: CoordinatorOptions): Promise<RunSummary> {
  const { runFolder, configuration, isResume, clock, log, watchLink = (link) => link } = options;
  const startMs = clock.nowMs();
  checkAudit(options);
  await checkRunFolder(runFolder, isResume);
  await checkNotConducted(runFolder);
  const former = readFormerRun(runFolder);
  const formerSession = await readSession(runFolder);
  // The workers of a coordinator that was killed may hold more than the checkpoint.
  const hadLocalWorkers = options.isLocal || formerSession?.isLocal === true;
  const isReunion = isResume && !hadLocalWorkers && !former.hasEnded && former.generation > 0;
  // Workers that have lost their coordinator call for a minute: what was read through before is not again.
  await using data = await openDataFolder(options.dataFolder, { checksums: !isReunion });
  checkVocabulary(configuration, data.vocabSize);
  checkPartLength("training", data.train.numTokens, configuration.contextLength);
  const batches = validationBatches(data.validation, configuration.contextLength);
  const found = isResume
    ? await findStart(runFolder, { configuration, log, isTrusting: isReunion })
    : FROM_SEED;
  checkSteps(configuration, found.start.step);

  // Callers that are quicker than the journal wait; they are few and send little before `hello`.
  const early: (readonly [Link, string])[] = [];
  let accept = (link: Link, host: string): void => {
    early.push([link, host]);
  };
  const tls = await openRunTls(runFolder, options.tls, isResume);
  await using listener = await listen({
    ...options.listen,
    ...(tls === undefined ? {} : { tls: tls.credentials }),
    ...(options.token === undefined ? {} : { token: options.token }),
    onLink: (link, { host }) => accept(watchLink(link), host),
    log,
    // Without a word for each link: the workers' logs say how they talk to one another.
    slotFolder:
      options.sharesMemory === false
        ? undefined
        : SlotFolder.open({ log: { info: () => undefined, warn: (text) => log.warn(text) } }),
  });
  await makeRunFolder(runFolder);
  await tls?.save();
  const runId = await openSession(options, listener.port, formerSession);
  await writeRunConfiguration(runFolder, { configuration, dataFolder: options.dataFolder });
  const journal = RunJournal.open({
    ...{ runFolder, configuration, former, formerWallMs: found.wallMs, log },
    elapsedMs: () => clock.nowMs() - startMs,
    ...(options.observer === undefined ? {} : { observer: options.observer }),
  });
  try {
    journal.passOver(found.damaged);
    if (!isReunion) journal.resumeAt(found.start);
    const { generation, nextWorkerId: firstWorkerId } = former;
    const heritage: Heritage = { generation, journal: isReunion ? former : undefined };
    const coordinator = new Coordinator(
      {
        ...{ configuration, batches, journal, clock, log, tokenizer: data.tokenizer },
        ...{ runId, firstWorkerId },
        meshSecret: randomBytes(32).toString("base64url"),
        feed: new TokenFeed(data.train, configuration),
        store: new SnapshotStore(runFolder),
        onStatus: (status) => options.onStatus?.(status),
        onLost: (name) => options.onLost?.(name),
      },
      initialRunState(planRun(options, batches, runId), found.start, clock.nowMs(), heritage),
    );
    accept = (link, host) => coordinator.accept(link, host);
    for (const [link, host] of early) coordinator.accept(link, host);
    const { address, port } = listener;
    const host = reachableHost(address, networkInterfaces());
    const advertised = { host, port, ...options.advertise };
    const places = {
      listening: formatHostPort(address, port),
      advertised: formatHostPort(advertised.host, advertised.port),
    };
    journal.record({ type: "listening", ...places, tls: tls !== undefined });
    if (!isLoopback(address) || options.advertise !== undefined) {
      const how = tls === undefined ? "without TLS" : "with TLS";
      log.info(
        `Listening on ${places.listening}, ${how}; workers reach it at ${places.advertised}.`,
      );
    }
    options.onConducting?.((exit) => coordinator.dispatch({ type: "worker-exit", ...exit }));
    options.onListening?.(publicUrl(advertised, tls));
    onAbort(options.stopSignal, () => coordinator.dispatch({ type: "stop" }));
    onAbort(options.noMoreWorkers, () => coordinator.dispatch({ type: "no-more-workers" }));
    const outcome = await coordinator.ended;
    const summary = summarizeRun(coordinator.state, outcome, journal);
    await listener.close(outcome.error?.message ?? `the run is ${outcome.status}`);
    await writeSummary(runFolder, summary);
    return summary;
  } finally {
    await journal.close();
  }
}

/** Keeps how this start is reached, and gives the run's id: another one when its settings have changed. */
async function openSession(
  { runFolder, configuration, listen: { host }, token, isLocal }: CoordinatorOptions,
  port: number,
  former: RunSession | undefined,
): Promise<string> {
  const kept = await readRunConfiguration(runFolder).catch(() => undefined);
  const isSame = JSON.stringify(kept?.configuration) === JSON.stringify(configuration);
  const runId = former !== undefined && isSame ? former.runId : newRunId();
  await writeSession(runFolder, {
    ...{ runId, listen: { host, port }, token: token ?? null, isLocal },
    ...{ processId: process.pid, hostName: hostname() },
  });
  return runId;
}

function publicUrl(
  address: { readonly host: string; readonly port: number },
  tls: RunTls | undefined,
): string {
  const fingerprint = tls === undefined ? undefined : pinOf(tls.credentials);
  const pin = fingerprint === undefined ? {} : { fingerprint };
  return formatJoinUrl({ ...address, ...pin, isSecure: tls !== undefined });
}

function onAbort(signal: AbortSignal | undefined, action: () => void): void {
  if (signal?.aborted === true) action();
  else signal?.addEventListener("abort", action, { once: true });
}
