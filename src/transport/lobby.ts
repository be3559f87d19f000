import type { Socket } from "node:net";
import type { Clock } from "../base/clock.ts";

/** How many connections, and how long each may take to become a link. */
export interface LobbyOptions {
  readonly handshakeMs: number;
  /** Connections that have become links, or may. */
  readonly numLinksMax: number;
  /** Connections of one address that have not become links yet. */
  readonly numWaitingPerHostMax: number;
  readonly clock: Clock;
}

interface Connection {
  readonly socket: Socket;
  readonly host: string;
  isLink: boolean;
  readonly cancelDeadline: () => void;
}

/** Every TCP connection of a listener, from its first moment: how many there are, and until when. */
export class Lobby {
  readonly #options: LobbyOptions;
  /** By both ends' addresses: TLS wraps a socket into another that has the same. */
  readonly #connections = new Map<string, Connection>();

  constructor(options: LobbyOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#connections.size;
  }

  /** Takes a connection in, or ends it. */
  admit(socket: Socket): void {
    const { clock, handshakeMs } = this.#options;
    const { remoteAddress: host } = socket;
    if (host === undefined || !this.#hasRoom(host)) {
      socket.destroy();
      return;
    }
    const key = keyOf(socket);
    const cancelDeadline = clock.after(handshakeMs, () => socket.destroy());
    this.#connections.set(key, { socket, host, isLink: false, cancelDeadline });
    socket.once("close", () => {
      cancelDeadline();
      this.#connections.delete(key);
    });
  }

  /** The connection, or the TLS over it, has become a link: its handshake is over. */
  promote(socket: Socket): void {
    const connection = this.#connections.get(keyOf(socket));
    if (connection === undefined) return;
    connection.cancelDeadline();
    connection.isLink = true;
  }

  /** Ends all that are no links; those close by themselves, after what was sent before. */
  clear(): void {
    for (const { socket, isLink } of this.#connections.values()) if (!isLink) socket.destroy();
  }

  #hasRoom(host: string): boolean {
    const { numLinksMax, numWaitingPerHostMax } = this.#options;
    // Twice: those who are still to show a token must not keep out those who have.
    if (this.#connections.size >= 2 * numLinksMax) return false;
    let numWaiting = 0;
    for (const connection of this.#connections.values()) {
      if (!connection.isLink && connection.host === host) numWaiting++;
    }
    return numWaiting < numWaitingPerHostMax;
  }
}

function keyOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}
