import type { Form } from "../../src/protocol/messages.ts";
import type { PeerLink, PeerNetwork } from "./simulated-peer-links.ts";

/** What is on its way from one worker to another: all its partials for the other's chunk, or its own chunk's sum. */
export interface SimulatedFrame {
  readonly kind: "partials" | "sum";
  readonly generation: number;
  readonly step: number;
}

/** What a mesh is told, and tells. */
export interface SimulatedMeshOptions {
  readonly network: PeerNetwork;
  /** Whose links these are. */
  readonly process: {
    readonly id: number;
    readonly isGone: boolean;
    readonly isFrozen: boolean;
  };
  onFrame(peerId: number, frame: SimulatedFrame): void;
  onLinked(generation: number): void;
  onLost(generation: number, peerId: number, reason: string): void;
}

/** A worker's ends of its links to others: what `PeerMesh` does, without sockets. */
export class SimulatedMesh {
  readonly #options: SimulatedMeshOptions;
  readonly #links = new Map<number, PeerLink>();
  readonly #calls = new Map<number, PeerLink>();
  #form: Form | undefined;

  constructor(options: SimulatedMeshOptions) {
    this.#options = options;
  }

  get id(): number {
    return this.process.id;
  }

  get process(): SimulatedMeshOptions["process"] {
    return this.#options.process;
  }

  /** Links that this end believes in, by the peer's id. */
  get links(): ReadonlyMap<number, PeerLink> {
    return this.#links;
  }

  /** Links up with the members of a new generation, calls those before it, and lets go of others. */
  link(form: Form): void {
    this.#form = form;
    const ids = form.members.map(({ workerId }) => workerId);
    for (const [peerId, link] of [...this.#links]) {
      if (!ids.includes(peerId)) this.#close(peerId, link);
    }
    for (const peerId of ids.slice(0, Math.max(0, ids.indexOf(this.id)))) {
      if (this.#links.has(peerId) || this.#calls.has(peerId)) continue;
      this.#calls.set(peerId, this.#options.network.call(this, peerId));
    }
    this.#reportIfLinked();
  }

  /** Lets go of all: the coordinator is lost. */
  close(): void {
    for (const [peerId, link] of [...this.#links]) this.#close(peerId, link);
  }

  /** A link to a peer: the newest is the right one. */
  add(peerId: number, link: PeerLink): void {
    const former = this.#links.get(peerId);
    this.#links.set(peerId, link);
    if (former !== undefined) this.#options.network.close(former, this, "replaced");
    this.#reportIfLinked();
  }

  /** A peer has taken our call. */
  onWelcome(peerId: number, link: PeerLink): void {
    this.#calls.delete(peerId);
    this.add(peerId, link);
  }

  /** A link, or a call that was to make one, has ended. */
  onClosed(peerId: number, link: PeerLink, reason: string): void {
    if (!this.has(peerId, link)) return;
    const { links, calls } = { links: this.#links, calls: this.#calls };
    if (calls.get(peerId) === link) calls.delete(peerId);
    else links.delete(peerId);
    const form = this.#form;
    const isMember = form?.members.some(({ workerId }) => workerId === peerId) === true;
    if (form !== undefined && isMember) this.#options.onLost(form.generation, peerId, reason);
  }

  has(peerId: number, link: PeerLink): boolean {
    return this.#links.get(peerId) === link || this.#calls.get(peerId) === link;
  }

  /** Whether a peer, by a certain link if one is given, is being called. */
  isCalling(peerId: number, link = this.#calls.get(peerId)): boolean {
    return link !== undefined && this.#calls.get(peerId) === link;
  }

  /** Sends by a link that this end believed in when the exchange began. */
  send(link: PeerLink, frame: SimulatedFrame): void {
    const [peer, selfId] =
      link.caller === this ? [link.called, link.callerId] : [link.caller, link.calledId];
    if (link.isAlive && peer?.links.get(selfId) === link) peer.#options.onFrame(selfId, frame);
  }

  #close(peerId: number, link: PeerLink): void {
    this.#links.delete(peerId);
    this.#options.network.close(link, this, "");
  }

  #reportIfLinked(): void {
    const form = this.#form;
    const others = form?.members.filter(({ workerId }) => workerId !== this.id) ?? [];
    if (form === undefined || others.some(({ workerId }) => !this.#links.has(workerId))) return;
    this.#options.onLinked(form.generation);
  }
}
