import { createHmac } from "node:crypto";
import { isIPv6 } from "node:net";
import { type ErrorCode, TrainerError } from "../base/errors.ts";
import type { Link } from "../protocol/link.ts";
import type { Hello, PeerAddress } from "../protocol/messages.ts";
import { pinOf } from "../transport/credentials.ts";
import { dial } from "../transport/dial.ts";
import { formatHostPort, parseJoinUrl } from "../transport/join-url.ts";
import { listen } from "../transport/listen.ts";
import { isLoopback } from "../transport/loopback.ts";
import { selfSigned } from "../transport/self-signed.ts";
import type { SlotFolder } from "../transport/slot-folder.ts";
import { randomToken } from "../transport/token.ts";

/** Where a worker's peers shall reach it, as its user says. */
export interface MeshPlace {
  /** The host that peers dial, and the port: then that one is listened on. */
  readonly advertise?: { readonly host: string; readonly port?: number };
  /** Of the interface to listen on, and to advertise unless `advertise` says otherwise. */
  readonly interfaceAddress?: string;
}

/** What a worker's door to its peers depends on. */
export interface MeshDoorOptions {
  /** Of the coordinator: with TLS there, there is TLS between workers. */
  readonly url: string;
  /** Frames to peers need no masks, also without TLS. */
  readonly isNetworkTrusted: boolean;
  readonly place: MeshPlace;
  /** Given: payloads to peers on this machine go through memory. */
  readonly slotFolder?: SlotFolder | undefined;
  onLink(link: Link): void;
}

/** Where a worker's peers come in, and the way to theirs. */
export interface MeshDoor {
  /** What `hello` says of it. */
  readonly place: Pick<Hello, "peerHost" | "peerPort" | "peerFingerprint">;
  /** From now on, peers come in who hold this run's secret; we are worker `selfId`. Before, nobody does. */
  admit(runSecret: string, selfId: number): void;
  /**
   * Opens a link to a peer, which has proved that it is this worker of the run.
   *
   * @throws {TrainerError} ERR_PEER_LOST when it cannot be reached or proved nothing, with what to do;
   *   ERR_CERTIFICATE.
   */
  dialPeer(address: PeerAddress, peerId: number): Promise<Link>;
  close(): Promise<void>;
}

/** Opens a worker's door to its peers. @throws {TrainerError} those of `listen`. */
export async function openMeshDoor(options: MeshDoorOptions): Promise<MeshDoor> {
  const { onLink, isNetworkTrusted, slotFolder } = options;
  const { host, isSecure, token: joinToken = "" } = parseJoinUrl(options.url);
  const { listenHost, peerHost } = hostsOf(host, options.place);
  const tls = isSecure ? selfSigned() : undefined;
  const fingerprint = tls === undefined ? undefined : pinOf(tls);
  // Until the coordinator has told the run's secret, one that nobody knows.
  let secretOf: (workerId: number) => string = randomToken;
  let ownSecret = randomToken();
  const listener = await listen({
    ...{ host: listenHost, port: options.place.advertise?.port ?? 0 },
    ...{ token: () => ownSecret, onLink, slotFolder },
    ...(tls === undefined ? {} : { tls }),
  });
  return {
    place: {
      peerPort: listener.port,
      ...(peerHost === undefined ? {} : { peerHost }),
      ...(fingerprint === undefined ? {} : { peerFingerprint: fingerprint }),
    },
    admit(runSecret, selfId) {
      secretOf = (workerId) => doorSecret(joinToken, runSecret, workerId);
      ownSecret = secretOf(selfId);
    },
    async dialPeer(address, peerId) {
      const label = `worker ${peerId}`;
      const where = formatHostPort(address.host, address.port);
      if (isSecure && address.fingerprint === undefined) throw withoutTls(label, where);
      try {
        const token = secretOf(peerId);
        return await dial({ ...address, label, token, isNetworkTrusted, slotFolder });
      } catch (error) {
        if (!(error instanceof TrainerError)) throw error;
        if (error.code === "ERR_TOKEN_WRONG") throw stranger(label, where, error);
        if (!UNREACHABLE.has(error.code)) throw error;
        throw unreachable(label, where, error);
      }
    },
    close: () => listener.close(),
  };
}

/**
 * Where to listen, and which host to name: undefined where the coordinator sees us.
 *
 * Beside a coordinator on loopback, peers are on loopback too; else they come in by any interface.
 */
function hostsOf(
  coordinatorHost: string,
  { advertise, interfaceAddress }: MeshPlace,
): { readonly listenHost: string; readonly peerHost?: string } {
  const peerHost = advertise?.host ?? interfaceAddress;
  if (peerHost === undefined) {
    const isLocal = coordinatorHost === "localhost" || isLoopback(coordinatorHost);
    if (isLocal) return { listenHost: "127.0.0.1", peerHost: "127.0.0.1" };
    return { listenHost: isIPv6(coordinatorHost) ? "::" : "0.0.0.0" };
  }
  return { listenHost: interfaceAddress ?? (isIPv6(peerHost) ? "::" : "0.0.0.0"), peerHost };
}

/**
 * What callers of a worker must prove that they hold.
 *
 * The run's secret has travelled in `welcome`, for all to see without TLS; the join token never travels.
 * Each worker's door has a secret of its own: a proof made for one opens no other.
 */
function doorSecret(joinToken: string, runSecret: string, workerId: number): string {
  return createHmac("sha256", joinToken)
    .update(`smallinit mesh ${runSecret} ${workerId}`)
    .digest("base64url");
}

/** How `dial` fails when the address, not the peer, is wrong. */
const UNREACHABLE: ReadonlySet<ErrorCode> = new Set([
  "ERR_CONNECT",
  "ERR_CONNECT_TIMEOUT",
  "ERR_NOT_SMALLINIT",
]);

function unreachable(label: string, where: string, cause: TrainerError): TrainerError {
  const why = String(cause.cause instanceof Error ? cause.cause.message : cause.message);
  return new TrainerError(
    "ERR_PEER_LOST",
    `${label} cannot be reached by its peers at ${where} (${why}). Open the port there, or start it ` +
      "with --advertise HOST or --interface NAME for an address that other hosts reach; with " +
      "`--set allReduce=star` workers need not reach one another",
    { cause },
  );
}

function stranger(label: string, where: string, cause: TrainerError): TrainerError {
  return new TrainerError(
    "ERR_PEER_LOST",
    `What listens at ${where} is not ${label} of this run: the two do not hold the same secret. Start ` +
      "that worker with --advertise HOST[:PORT] or --interface NAME for an address that leads to it alone",
    { cause },
  );
}

function withoutTls(label: string, where: string): TrainerError {
  return new TrainerError(
    "ERR_PEER_LOST",
    `${label} at ${where} speaks no TLS, but this worker joined with TLS. Let all join by wss://`,
  );
}
