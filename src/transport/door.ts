import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import { assert } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Link } from "../protocol/link.ts";
import type { Credentials } from "./credentials.ts";
import type { HeartbeatTimes } from "./heartbeat.ts";
import { formatHostPort } from "./join-url.ts";
import { Lobby } from "./lobby.ts";
import { CHALLENGE_HEADER, type Challenge, LISTENER_PROOF_HEADER, newChallenge } from "./proof.ts";
import { RefusalLog } from "./refusal-log.ts";
import type { SlotFile } from "./slot-file.ts";
import type { SlotFolder } from "./slot-folder.ts";
import { SocketLink } from "./socket-link.ts";
import { SLOTS_HEADER, SLOTS_OPEN, SOCKET_OPTIONS, SUBPROTOCOL } from "./socket-options.ts";

/** `ListenOptions`, complete. */
export interface DoorOptions {
  /** What callers must prove that they hold at this moment. */
  readonly token: (() => string) | undefined;
  readonly tls: Credentials | undefined;
  onLink(link: Link, peer: PeerEndpoint): void;
  readonly heartbeat: HeartbeatTimes;
  readonly handshakeMs: number;
  readonly numLinksMax: number;
  readonly numWaitingPerHostMax: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Where to find the files that callers of this machine offer; undefined: none is taken. */
  readonly slotFolder: SlotFolder | undefined;
}

/** A server that turns connections into links, or turns them away. */
export class Door {
  readonly #options: DoorOptions;
  readonly #server: Server;
  readonly #webSocketServer = new WebSocketServer({
    ...SOCKET_OPTIONS,
    noServer: true,
    clientTracking: false,
    handleProtocols: () => SUBPROTOCOL,
  });
  readonly #lobby: Lobby;
  readonly #refusals: RefusalLog;
  readonly #links = new Set<Link>();
  /** What callers have been asked, by connection, until they answer. */
  readonly #challenges = new WeakMap<Socket, Challenge>();
  /** What proves to welcome callers that we hold the token, until their upgrade is answered. */
  readonly #proofs = new WeakMap<IncomingMessage, string>();
  /** Files that callers offered, from the answer to their upgrade until their link is made. */
  readonly #slotFiles = new WeakMap<IncomingMessage, SlotFile>();
  #state: "open" | "closing" = "open";

  constructor(options: DoorOptions) {
    this.#options = options;
    this.#lobby = new Lobby(options);
    this.#refusals = new RefusalLog(options.log, options.clock);
    this.#server = serverWith(options.tls, (request, response) =>
      this.#challenge(request, response),
    );
    // The bare TCP connection, also under TLS: the deadline holds from there on.
    this.#server.on("connection", (socket) => {
      if (this.#state === "closing") socket.destroy();
      else this.#lobby.admit(socket);
    });
    this.#server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
    this.#webSocketServer.on("headers", (headers, request) => {
      const proof = this.#proofs.get(request);
      if (proof !== undefined) headers.push(`${LISTENER_PROOF_HEADER}: ${proof}`);
      this.#findSlots(headers, request);
    });
    this.#server.on("clientError", (_error, socket) => socket.destroy());
    this.#server.on("tlsClientError", (_error, socket) => socket.destroy());
  }

  /** @returns where it listens. Throws what `net.Server` throws. */
  async open(host: string, port: number): Promise<{ address: string; port: number }> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port }, resolve);
    });
    const bound = this.#server.address();
    assert(typeof bound === "object" && bound !== null, "a listening server has an address");
    return { address: bound.address, port: bound.port };
  }

  async close(reason: string): Promise<void> {
    this.#state = "closing";
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const link of this.#links) link.close(reason);
    this.#lobby.clear();
    await closed;
  }

  /** Answers whoever does not ask for an upgrade: with what it must answer when it does. */
  #challenge({ socket }: IncomingMessage, response: ServerResponse): void {
    if (this.#options.token === undefined) {
      response.writeHead(426, { Upgrade: "websocket", Connection: "close" });
    } else {
      const challenge = newChallenge();
      this.#challenges.set(socket, challenge);
      response.writeHead(401, { [CHALLENGE_HEADER]: challenge.text });
    }
    response.end("This is a smallinit server. Join it with `smallinit worker URL`.\n");
  }

  #upgrade(request: IncomingMessage, duplex: Duplex, head: Buffer): void {
    const { socket } = request;
    const status = this.#refusalOf(request);
    if (status !== undefined) {
      const { host, port } = endpointOf(socket);
      this.#refusals.tell(
        `Turned ${formatHostPort(host, port)} away: ${status} ${STATUS_CODES[status]}.`,
      );
      turnAway(duplex, status);
      return;
    }
    this.#webSocketServer.handleUpgrade(request, duplex, head, (webSocket) => {
      this.#lobby.promote(socket);
      const peer = endpointOf(socket);
      const { heartbeat, clock, slotFolder } = this.#options;
      const label = formatHostPort(peer.host, peer.port);
      const file = this.#slotFiles.get(request);
      const slots = file && slotFolder && { file, log: slotFolder.log };
      const link = new SocketLink({ webSocket, socket, label, heartbeat, clock, slots });
      this.#links.add(link);
      webSocket.once("close", () => this.#links.delete(link));
      this.#options.onLink(link, peer);
    });
  }

  /** Opens the file that a welcome caller offers, if it is here, and says so in the answer. */
  #findSlots(headers: string[], request: IncomingMessage): void {
    const offer = request.headers[SLOTS_HEADER];
    if (typeof offer !== "string") return;
    const file = this.#options.slotFolder?.find(offer);
    if (file === undefined) return;
    this.#slotFiles.set(request, file);
    headers.push(`${SLOTS_HEADER}: ${SLOTS_OPEN}`);
  }

  /** The HTTP status with which a caller is turned away; undefined for a welcome one. */
  #refusalOf(request: IncomingMessage): number | undefined {
    const { headers, url } = request;
    const { numLinksMax } = this.#options;
    // Browsers send the page's origin with every WebSocket; no page has business here.
    if (headers.origin !== undefined) return 403;
    if (url !== "/") return 404;
    if (!this.#isAuthorized(request)) return 401;
    if (headers["sec-websocket-protocol"] !== SUBPROTOCOL) return 400;
    return this.#state === "closing" || this.#links.size >= numLinksMax ? 503 : undefined;
  }

  /** Whether a caller holds the token, if there is one. Takes its challenge away: a nonce counts once. */
  #isAuthorized(request: IncomingMessage): boolean {
    const { token } = this.#options;
    if (token === undefined) return true;
    const challenge = this.#challenges.get(request.socket);
    this.#challenges.delete(request.socket);
    const proof = challenge?.answer(request.headers.authorization, token());
    if (proof !== undefined) this.#proofs.set(request, proof);
    return proof !== undefined;
  }
}

/** The other end, an IPv4 address as such also where the listener speaks IPv6. */
function endpointOf({ remoteAddress, remotePort }: Socket): PeerEndpoint {
  return { host: remoteAddress?.replace(/^::ffff:/i, "") ?? "?", port: remotePort ?? 0 };
}

/** The other end of a connection, as seen from here. */
export interface PeerEndpoint {
  readonly host: string;
  readonly port: number;
}

/** Bytes of a request's headers: an upgrade has about 500. */
const HEADER_BYTES_MAX = 4096;

/** Requests of a connection that are no upgrade: one to be challenged, and the last. */
const NUM_REQUESTS_MAX = 2;

/** A web server, with TLS or without. */
function serverWith(tls: Credentials | undefined, answer: RequestListener): Server {
  const server =
    tls === undefined
      ? createServer({ maxHeaderSize: HEADER_BYTES_MAX }, answer)
      : createTlsServer(
          {
            ...{ cert: tls.certificate, key: tls.key, minVersion: "TLSv1.3" },
            maxHeaderSize: HEADER_BYTES_MAX,
          },
          answer,
        );
  server.maxRequestsPerSocket = NUM_REQUESTS_MAX;
  return server;
}

function turnAway(socket: Duplex, status: number): void {
  socket.on("error", () => socket.destroy());
  socket.once("finish", () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n` +
      "Connection: close\r\nContent-Length: 0\r\n\r\n",
  );
}
