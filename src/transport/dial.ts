import { randomFillSync } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { WebSocket } from "ws";
import { defined } from "../base/assert.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { TrainerError } from "../base/errors.ts";
import type { Link } from "../protocol/link.ts";
import { codeOf } from "./code-of.ts";
import { HEARTBEAT_TIMES, type HeartbeatTimes } from "./heartbeat.ts";
import { formatHostPort, formatJoinUrl, type JoinAddress, parseJoinUrl } from "./join-url.ts";
import { isLoopback } from "./loopback.ts";
import { SocketLink } from "./socket-link.ts";
import { SOCKET_OPTIONS, SUBPROTOCOL } from "./socket-options.ts";
import { authorizationOf, checkToken } from "./token.ts";

/** Whom to dial, and how. */
export type DialOptions = DialTarget & {
  /** Shown to the listener; the token of a URL's fragment unless given. */
  readonly token?: string;
  /** From the call to an open link, name lookup included; default 10 000. */
  readonly timeoutMs?: number;
  /** The link's label; "host:port" unless given. */
  readonly label?: string;
  readonly heartbeat?: HeartbeatTimes;
  readonly clock?: Clock;
};

/** A join URL, or a host (IPv6 without brackets) and a port without TLS. */
export type DialTarget =
  | { readonly url: string }
  | { readonly host: string; readonly port: number };

/**
 * Opens a link to a listener.
 *
 * @throws {TrainerError} ERR_URL; ERR_TOKEN; ERR_CONNECT when nobody can be reached there;
 *   ERR_CONNECT_TIMEOUT; ERR_TOKEN_WRONG; ERR_NOT_SMALLINIT when something else answers.
 */
export async function dial(options: DialOptions): Promise<Link> {
  const address: JoinAddress =
    "url" in options
      ? parseJoinUrl(options.url)
      : { host: options.host, port: options.port, isSecure: false };
  const token = options.token ?? address.token;
  if (token !== undefined) checkToken(token);
  const where = formatHostPort(address.host, address.port);
  const { clock = systemClock, heartbeat = HEARTBEAT_TIMES, label = where } = options;
  const { host, port, isSecure } = address;
  let socket: Socket | undefined;
  const webSocket = new WebSocket(formatJoinUrl({ host, port, isSecure }), SUBPROTOCOL, {
    ...SOCKET_OPTIONS,
    headers: token === undefined ? {} : { Authorization: authorizationOf(token) },
    generateMask: (mask) => fillMask(mask, isSecure || isLoopback(socket?.remoteAddress ?? "")),
  });
  return new Promise((resolve, reject) => {
    const timeoutMs = options.timeoutMs ?? 10_000;
    const cancel = clock.after(timeoutMs, () => fail(timeoutError(where, timeoutMs)));
    function fail(error: TrainerError): void {
      cancel();
      reject(error);
      // Once open, errors are the link's; until then, ending emits one more that says nothing new.
      webSocket.terminate();
    }
    webSocket.once("upgrade", (response) => {
      socket = response.socket;
    });
    webSocket.once("unexpected-response", (_request, response) =>
      fail(refusalError(where, response)),
    );
    webSocket.on("error", (error) => fail(connectError(where, error)));
    webSocket.once("open", () => {
      cancel();
      webSocket.removeAllListeners("error");
      const below = defined(socket, "the connection below");
      resolve(new SocketLink({ webSocket, socket: below, label, heartbeat, clock }));
    });
  });
}

/**
 * Masks guard proxies on the way against confusion. Under TLS and on loopback there are none, and a zero
 * mask, which ws skips, made a link there ten times as fast as masks do (1.4 instead of 0.12 GB/s).
 */
function fillMask(mask: Buffer, isTrusted: boolean): void {
  if (isTrusted) mask.fill(0);
  else randomFillSync(mask);
}

function timeoutError(where: string, timeoutMs: number): TrainerError {
  return new TrainerError(
    "ERR_CONNECT_TIMEOUT",
    `${where} did not answer within ${timeoutMs / 1000} s. Check the address, and that no firewall ` +
      "is between.",
  );
}

function refusalError(where: string, response: IncomingMessage): TrainerError {
  const { statusCode } = response;
  if (statusCode === 401) {
    return new TrainerError(
      "ERR_TOKEN_WRONG",
      `${where} does not accept the token. Use the join URL that the coordinator printed, with all ` +
        "that follows the #.",
    );
  }
  if (statusCode === 503) {
    return new TrainerError("ERR_CONNECT", `${where} takes no more links now. Try again later.`);
  }
  return notSmallinit(where, `it answered with HTTP status ${statusCode}`);
}

function connectError(where: string, cause: Error): TrainerError {
  const code = codeOf(cause);
  const why = REASONS.get(code);
  if (why !== undefined) {
    const message = `Cannot connect to ${where}: ${why} (${code}).`;
    return new TrainerError(
      "ERR_CONNECT",
      `${message} Check that the coordinator runs and that the address is right.`,
      { cause },
    );
  }
  return notSmallinit(where, cause.message, cause);
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ["ECONNREFUSED", "nobody listens there"],
  ["ENOTFOUND", "the name does not resolve"],
  ["EAI_AGAIN", "the name does not resolve"],
  ["ETIMEDOUT", "no answer"],
  ["EHOSTUNREACH", "no way to that host"],
  ["ENETUNREACH", "no way to that network"],
  ["EADDRNOTAVAIL", "no such address"],
  ["ECONNRESET", "the connection was cut"],
  ["EPIPE", "the connection was cut"],
]);

function notSmallinit(where: string, what: string, cause?: Error): TrainerError {
  return new TrainerError(
    "ERR_NOT_SMALLINIT",
    `What listens at ${where} is no smallinit coordinator of this version: ${what}. Check the port.`,
    { cause },
  );
}
