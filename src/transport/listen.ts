import { lookup } from "node:dns/promises";
import type { Clock } from "../base/clock.ts";
import { systemClock } from "../base/clock.ts";
import { TrainerError } from "../base/errors.ts";
import { type Log, silentLog } from "../base/log.ts";
import { MAX_WORKERS } from "../protocol/limits.ts";
import type { Link } from "../protocol/link.ts";
import { codeOf } from "./code-of.ts";
import { type Credentials, checkCredentials } from "./credentials.ts";
import { Door, type PeerEndpoint } from "./door.ts";
import { HEARTBEAT_TIMES, type HeartbeatTimes } from "./heartbeat.ts";
import { formatHostPort } from "./join-url.ts";
import { isLoopback } from "./loopback.ts";
import type { SlotFolder } from "./slot-folder.ts";
import { checkToken } from "./token.ts";

/** How and for whom to listen. */
export interface ListenOptions {
  /** Name or address of an interface of this machine. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /**
   * What callers must prove that they hold; required beyond loopback. A function: what it gives when they
   * call.
   */
  readonly token?: string | (() => string);
  /** Listen with TLS 1.3, showing this certificate. */
  readonly tls?: Credentials;
  /** Takes each new link, in the turn in which it opened. Label: the peer's address and port. */
  onLink(link: Link, peer: PeerEndpoint): void;
  readonly heartbeat?: HeartbeatTimes;
  /** From connection to open link; default 5000. */
  readonly handshakeMs?: number;
  /** Open links at the same time; default MAX_WORKERS. */
  readonly numLinksMax?: number;
  /** Connections of one address that have not become links yet; default 256. */
  readonly numWaitingPerHostMax?: number;
  readonly clock?: Clock;
  readonly log?: Log;
  /** Given: payloads of callers on this machine go through memory, if they offer it. */
  readonly slotFolder?: SlotFolder | undefined;
}

/** An open door. */
export interface Listener extends AsyncDisposable {
  /** The IP address that it is bound to. */
  readonly address: string;
  readonly port: number;
  /** Takes no more callers and closes all links with `reason`; kept when all are gone. */
  close(reason?: string): Promise<void>;
}

/**
 * Waits for links over WebSockets.
 *
 * Callers that cannot prove that they hold the token, with a browser's Origin, or slower than `handshakeMs` are turned away.
 *
 * @throws {TrainerError} ERR_TOKEN without a token beyond loopback, or with one that cannot travel in a
 *   header; ERR_TLS; ERR_PORT_IN_USE; ERR_LISTEN when the host is not one of this machine's.
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { host, port, token, tls } = options;
  if (typeof token === "string") checkToken(token);
  if (tls !== undefined) checkCredentials(tls, "Certificate and key");
  const address = await addressOf(host, port);
  if (token === undefined && !isLoopback(address)) {
    throw new TrainerError(
      "ERR_TOKEN",
      `Listening on ${formatHostPort(host, port)} without a token would let anybody in who can reach ` +
        "it. Give a token, or listen on 127.0.0.1.",
    );
  }
  const door = new Door({
    ...{ tls, onLink: options.onLink },
    token: typeof token === "string" ? () => token : token,
    heartbeat: options.heartbeat ?? HEARTBEAT_TIMES,
    handshakeMs: options.handshakeMs ?? 5000,
    numLinksMax: options.numLinksMax ?? MAX_WORKERS,
    numWaitingPerHostMax: options.numWaitingPerHostMax ?? 256,
    clock: options.clock ?? systemClock,
    log: options.log ?? silentLog,
    slotFolder: options.slotFolder,
  });
  try {
    const bound = await door.open(address, port);
    const close = (reason = "the listener has closed") => door.close(reason);
    return { ...bound, close, [Symbol.asyncDispose]: () => close() };
  } catch (error) {
    throw listenError(error, formatHostPort(host, port));
  }
}

/** The IP address to bind to: a name must not turn out to be reachable when it seemed not to be. */
async function addressOf(host: string, port: number): Promise<string> {
  try {
    return (await lookup(host)).address;
  } catch (error) {
    throw listenError(error, formatHostPort(host, port));
  }
}

function listenError(cause: unknown, where: string): TrainerError {
  const code = codeOf(cause);
  if (code === "EADDRINUSE") {
    return new TrainerError(
      "ERR_PORT_IN_USE",
      `Port ${where} is in use. End the process that listens there, or choose another port (0: any).`,
      { cause },
    );
  }
  return new TrainerError(
    "ERR_LISTEN",
    `Cannot listen on ${where} (${code}). Use an address of this machine, for example 127.0.0.1, ` +
      "and a port that you may open.",
    { cause },
  );
}
