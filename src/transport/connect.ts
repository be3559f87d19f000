import { isIP, connect as openTcp, type Socket } from "node:net";
import { connect as openTls, type TLSSocket } from "node:tls";
import { TrainerError } from "../base/errors.ts";
import { codeOf } from "./code-of.ts";
import { fingerprintOf } from "./credentials.ts";
import { formatHostPort, type JoinAddress } from "./join-url.ts";
import { isSameSecret } from "./token.ts";

/** A connection on its way: `socket` may be destroyed at any time, which breaks `opened`. */
export interface Connecting {
  readonly socket: Socket;
  /** Kept when data may be sent: under TLS, when the other side has proved who it is. */
  readonly opened: Promise<void>;
}

/**
 * Opens a TCP connection, with TLS when the address says so.
 *
 * With a fingerprint the certificate must be that one, whoever signed it; without, an authority that
 * Node trusts must vouch for it and the host. Nothing is sent before.
 *
 * `opened` breaks with a TrainerError: ERR_CONNECT when nobody can be reached there, ERR_CERTIFICATE,
 * ERR_NOT_SMALLINIT when TLS is not what is spoken there.
 */
export function connect(address: JoinAddress): Connecting {
  const { host, port, isSecure, fingerprint } = address;
  const where = formatHostPort(host, port);
  if (!isSecure) {
    const socket = openTcp({ host, port });
    return { socket, opened: openedBy(socket, "connect", (error) => connectError(where, error)) };
  }
  const socket = openTls({
    ...{ host, port, minVersion: "TLSv1.3" },
    ...(isIP(host) === 0 ? { servername: host } : {}),
    rejectUnauthorized: fingerprint === undefined,
  });
  const opened = openedBy(socket, "secureConnect", (error) => tlsError(where, socket, error));
  return { socket, opened: opened.then(() => checkPin(socket, where, fingerprint)) };
}

function openedBy(
  socket: Socket,
  event: "connect" | "secureConnect",
  describe: (error: Error) => TrainerError,
): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, resolve);
    // Stays: a socket that breaks later, before the WebSocket listens, must not end the process.
    socket.on("error", (error) => reject(describe(error)));
    socket.once("close", () => reject(describe(CUT)));
  });
}

/** What is known of a connection that ended without an error. */
export const CUT: Error = Object.assign(new TrainerError("ERR_CONNECT", "the connection was cut"), {
  code: "ECONNRESET",
});

function checkPin(socket: TLSSocket, where: string, fingerprint: string | undefined): void {
  if (fingerprint === undefined) return;
  const certificate = socket.getPeerX509Certificate();
  const shown = certificate === undefined ? "none" : fingerprintOf(certificate.raw);
  if (isSameSecret(shown, fingerprint)) return;
  socket.destroy();
  throw new TrainerError(
    "ERR_CERTIFICATE",
    `${where} shows a certificate with the fingerprint ${shown}, but the join URL says ${fingerprint}. ` +
      "Either the URL is of another run, or somebody is between: nothing was sent. Use the URL that the " +
      "coordinator printed.",
  );
}

function tlsError(where: string, { authorizationError }: TLSSocket, cause: Error): TrainerError {
  const code = codeOf(cause);
  // Typed as an error, but a code of OpenSSL's.
  if (authorizationError as unknown) {
    return new TrainerError(
      "ERR_CERTIFICATE",
      `The certificate of ${where} cannot be trusted (${code}): ${cause.message}. Use the join URL that ` +
        "the coordinator printed, with the host that its certificate names; for an authority of your " +
        "own, set NODE_EXTRA_CA_CERTS to its file.",
      { cause },
    );
  }
  if (code.startsWith("ERR_SSL_") || code === "EPROTO") {
    return new TrainerError(
      "ERR_NOT_SMALLINIT",
      `What listens at ${where} does not speak TLS 1.3 (${code}). Check the port, and whether the URL ` +
        "should begin with ws:// instead of wss://.",
      { cause },
    );
  }
  return connectError(where, cause, "wss");
}

/** What a failed connection, or one that broke before it was a link, means. */
export function connectError(where: string, cause: Error, scheme = "ws"): TrainerError {
  const code = codeOf(cause);
  const why = REASONS.get(code) ?? "the connection failed";
  const other = scheme === "ws" ? "wss" : "ws";
  const hint =
    code === "ECONNRESET"
      ? ` The URL begins with ${scheme}://; a listener that expects ${other}:// hangs up on it.`
      : "";
  return new TrainerError(
    "ERR_CONNECT",
    `Cannot connect to ${where}: ${why} (${code}). Check that the coordinator runs and that the ` +
      `address is right.${hint}`,
    { cause },
  );
}

/** Whether an error is one of the connection, not of what was said on it. */
export function isConnectError(error: Error): boolean {
  return REASONS.has(codeOf(error));
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
