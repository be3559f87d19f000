import { randomFillSync } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { WebSocket } from "ws";
import { type Clock, systemClock } from "../base/clock.ts";
import { TrainerError } from "../base/errors.ts";
import type { Link } from "../protocol/link.ts";
import { askForChallenge } from "./ask-for-challenge.ts";
import { connect, connectError, isConnectError } from "./connect.ts";
import { HEARTBEAT_TIMES, type HeartbeatTimes } from "./heartbeat.ts";
import { formatHostPort, formatJoinUrl, type JoinAddress, parseJoinUrl } from "./join-url.ts";
import { isLoopback } from "./loopback.ts";
import { notSmallinit } from "./not-smallinit.ts";
import { type CallerProof, LISTENER_PROOF_HEADER, proveTo } from "./proof.ts";
import type { SlotFolder } from "./slot-folder.ts";
import { SocketLink } from "./socket-link.ts";
import { SLOTS_HEADER, SLOTS_OPEN, SOCKET_OPTIONS, SUBPROTOCOL } from "./socket-options.ts";
import { checkToken } from "./token.ts";

/** Whom to dial, and how. */
export type DialOptions = DialTarget & {
  /**
   * What both ends must prove that they hold, and neither shows; the token of a URL's fragment unless
   * given.
   */
  readonly token?: string;
  /** From the call to an open link, name lookup included; default 10 000. */
  readonly timeoutMs?: number;
  /** The link's label; "host:port" unless given. */
  readonly label?: string;
  /** No proxy is on the way and nobody else reads: frames need no masks, also without TLS. */
  readonly isNetworkTrusted?: boolean;
  readonly heartbeat?: HeartbeatTimes;
  readonly clock?: Clock;
  /** Given: payloads go through memory if the listener is on this machine and takes the offer. */
  readonly slotFolder?: SlotFolder | undefined;
};

/** A join URL, or a host (IPv6 without brackets) and a port: with TLS if a fingerprint is given. */
export type DialTarget =
  | { readonly url: string }
  | { readonly host: string; readonly port: number; readonly fingerprint?: string };

/**
 * Opens a link to a listener.
 *
 * @throws {TrainerError} ERR_URL; ERR_TOKEN; ERR_CONNECT when nobody can be reached there;
 *   ERR_CONNECT_TIMEOUT; ERR_CERTIFICATE when it is not who it should be; ERR_TOKEN_WRONG when the
 *   two do not hold the same token; ERR_NOT_SMALLINIT when something else answers.
 */
export async function dial(options: DialOptions): Promise<Link> {
  const address = addressOf(options);
  const token = options.token ?? address.token;
  if (token !== undefined) checkToken(token);
  const where = formatHostPort(address.host, address.port);
  const { clock = systemClock, timeoutMs = 10_000 } = options;
  const { socket, opened } = connect(address);
  const upgraded = opened.then(async () => {
    const proof = token === undefined ? undefined : await proveAt(socket, where, token);
    return upgrade(options, { address, proof, where, socket });
  });
  return new Promise<Link>((resolve, reject) => {
    const cancel = clock.after(timeoutMs, () => fail(timeoutError(where, timeoutMs)));
    function fail(error: unknown): void {
      cancel();
      socket.destroy();
      reject(error);
    }
    upgraded.then((link) => {
      cancel();
      resolve(link);
    }, fail);
  });
}

function addressOf(target: DialTarget): JoinAddress {
  if ("url" in target) return parseJoinUrl(target.url);
  const { host, port, fingerprint } = target;
  if (fingerprint === undefined) return { host, port, isSecure: false };
  return { host, port, isSecure: true, fingerprint };
}

/** What to show a listener that asks for the token. */
async function proveAt(socket: Socket, where: string, token: string): Promise<CallerProof> {
  const proof = proveTo(await askForChallenge(socket, where), token);
  if (proof !== undefined) return proof;
  throw notSmallinit(where, "it asks for a token in another way");
}

/** An open connection, and what is to be said on it. */
interface Opened {
  readonly address: JoinAddress;
  readonly proof: CallerProof | undefined;
  /** "host:port" for messages. */
  readonly where: string;
  readonly socket: Socket;
}

/** Makes a link of an open connection. */
function upgrade(options: DialOptions, opened: Opened): Promise<Link> {
  const { proof, where, socket } = opened;
  const { host, port, isSecure } = opened.address;
  const { clock = systemClock, heartbeat = HEARTBEAT_TIMES, label = where } = options;
  const isTrusted =
    isSecure || options.isNetworkTrusted === true || isLoopback(socket.remoteAddress ?? "");
  const { slotFolder } = options;
  const offer = slotFolder?.make();
  let areSlotsOpen = false;
  let isProved = proof === undefined;
  // TLS, if any, is below `socket` already.
  const webSocket = new WebSocket(formatJoinUrl({ host, port, isSecure: false }), SUBPROTOCOL, {
    ...SOCKET_OPTIONS,
    headers: {
      ...(proof === undefined ? {} : { Authorization: proof.authorization }),
      ...(offer === undefined ? {} : { [SLOTS_HEADER]: offer.text }),
    },
    createConnection: () => socket,
    generateMask: (mask) => fillMask(mask, isTrusted),
  });
  return new Promise((resolve, reject) => {
    function fail(error: TrainerError): void {
      offer?.withdraw();
      reject(error);
    }
    webSocket.once("upgrade", (response) => {
      const { headers } = response;
      areSlotsOpen = headers[SLOTS_HEADER] === SLOTS_OPEN;
      isProved ||= proof?.isAnsweredBy(headers[LISTENER_PROOF_HEADER]?.toString()) === true;
    });
    webSocket.once("unexpected-response", (_request, response) =>
      fail(refusalError(where, response)),
    );
    // Once open, errors are the link's; a connection given up emits one that says nothing new.
    webSocket.on("error", (error) => fail(upgradeError(where, error)));
    webSocket.once("open", () => {
      if (!isProved) {
        fail(impostorError(where));
        return;
      }
      webSocket.removeAllListeners("error");
      const file = areSlotsOpen ? offer?.take() : undefined;
      if (file === undefined) offer?.withdraw();
      const slots = file && slotFolder && { file, log: slotFolder.log };
      resolve(new SocketLink({ webSocket, socket, label, heartbeat, clock, slots }));
    });
  });
}

/**
 * Masks guard proxies on the way against confusion. Under TLS, on loopback and where the user says so
 * there are none, and a zero mask, which ws skips, makes a link ten times as fast (1.4 instead of 0.12 GB/s).
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

function impostorError(where: string): TrainerError {
  return new TrainerError(
    "ERR_TOKEN_WRONG",
    `${where} lets this side in without proof that it holds the token: it is an impostor, or of another ` +
      "version. Nothing was told to it. Use the join URL that the coordinator printed.",
  );
}

function upgradeError(where: string, cause: Error): TrainerError {
  return isConnectError(cause)
    ? connectError(where, cause)
    : notSmallinit(where, cause.message, cause);
}
