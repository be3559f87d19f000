import type { Clock } from "../base/clock.ts";
import { TrainerError } from "../base/errors.ts";
import type { Link } from "../protocol/link.ts";
import {
  type Form,
  type Message,
  type PeerAddress,
  PROTOCOL_VERSION,
} from "../protocol/messages.ts";
import type { TensorFrame } from "../protocol/tensor-frame.ts";

/** What a mesh needs of the world. */
export interface PeerMeshOptions {
  /** Opens a link to a peer, which has proved that it is that worker of the run. */
  dialPeer(address: PeerAddress, peerId: number): Promise<Link>;
  readonly clock: Clock;
  onFrame(peerId: number, frame: TensorFrame): void;
  /** All links of the generation are there. */
  onLinked(generation: number): void;
  /** A link to a member of the generation is gone, or could not be made. */
  onLost(generation: number, peerId: number, reason: string): void;
}

/** How long a caller may take to say who it is, and whom it has called to answer that. */
const HELLO_MS = 10_000;

/** Shown instead of the peer's own words. */
const STRANGER = "not a member of this run";

/**
 * A worker's links to the other members.
 *
 * Of two members the one that comes later in `form` dials the other. A link outlives its generation as
 * long as both ends are members. That both ends are of the run was proved before there was a link.
 */
export class PeerMesh {
  readonly #options: PeerMeshOptions;
  readonly #links = new Map<number, Link>();
  /** Members who are being called: a second call would end in two links, each end keeping another. */
  readonly #called = new Set<number>();
  #selfId = -1;
  #form: Form | undefined;

  constructor(options: PeerMeshOptions) {
    this.#options = options;
  }

  /** Links to other members, by id. */
  get links(): ReadonlyMap<number, Link> {
    return this.#links;
  }

  /** Who we are: from `welcome`. */
  introduce(selfId: number): void {
    this.#selfId = selfId;
  }

  /** Links up with the members of a new generation, and lets go of others. */
  link(form: Form): void {
    this.#form = form;
    const ids = new Set(form.members.map(({ workerId }) => workerId));
    for (const [peerId, link] of [...this.#links]) {
      if (!ids.has(peerId)) this.#cut(peerId, link, "not a member any more");
    }
    const selfIndex = form.members.findIndex(({ workerId }) => workerId === this.#selfId);
    for (const { workerId, address } of form.members.slice(0, Math.max(selfIndex, 0))) {
      if (this.#links.has(workerId) || this.#called.has(workerId)) continue;
      if (address === undefined) this.#lose(form.generation, workerId, "it has no address");
      else void this.#dial(workerId, address);
    }
    this.#reportIfLinked();
  }

  /** Takes a caller, which has to say who it is. */
  accept(link: Link): void {
    let peerId: number | undefined;
    const cancel = this.#options.clock.after(HELLO_MS, () => link.close("said nothing"));
    link.listen({
      onMessage: (message) => {
        if (peerId !== undefined || !this.#isPeer(message)) {
          link.close(STRANGER);
          return;
        }
        cancel();
        peerId = message.workerId;
        link.label = `worker ${peerId} (${link.label})`;
        link.send({ type: "peer-welcome", workerId: this.#selfId });
        this.#add(peerId, link);
      },
      onTensor: (frame) => {
        if (peerId === undefined) link.close(STRANGER);
        else this.#receive(peerId, link, frame);
      },
      onClose: (reason) => {
        cancel();
        if (peerId !== undefined) this.#closed(peerId, link, reason);
      },
    });
  }

  /** Closes all links. */
  close(reason: string): void {
    for (const [peerId, link] of [...this.#links]) this.#drop(peerId, link, reason);
  }

  /** Closes a peer's link after it broke a rule; the coordinator hears of it. */
  accuse(peerId: number, reason: string): void {
    const link = this.#links.get(peerId);
    if (link === undefined) return;
    this.#drop(peerId, link, reason);
    this.#lose(this.#form?.generation ?? 0, peerId, reason);
  }

  #isPeer(message: Message): message is Extract<Message, { readonly type: "peer-hello" }> {
    return (
      message.type === "peer-hello" &&
      message.protocolVersion === PROTOCOL_VERSION &&
      message.workerId !== this.#selfId
    );
  }

  /** Counts for the generation in which it ends: the call goes on when the members change meanwhile. */
  async #dial(peerId: number, address: PeerAddress): Promise<void> {
    this.#called.add(peerId);
    const fail = (reason: string) => {
      this.#called.delete(peerId);
      this.#lose(this.#form?.generation ?? 0, peerId, reason);
    };
    let link: Link;
    try {
      link = await this.#options.dialPeer(address, peerId);
    } catch (error) {
      if (!(error instanceof TrainerError)) throw error;
      fail(error.message);
      return;
    }
    let isWelcome = false;
    const cancel = this.#options.clock.after(HELLO_MS, () => link.close("was not made welcome"));
    link.listen({
      onMessage: (message) => {
        if (isWelcome || message.type !== "peer-welcome" || message.workerId !== peerId) {
          link.close("answered something else than a welcome");
          return;
        }
        cancel();
        isWelcome = true;
        this.#called.delete(peerId);
        this.#add(peerId, link);
      },
      onTensor: (frame) => {
        if (isWelcome) this.#receive(peerId, link, frame);
        else link.close("sent a frame before its welcome");
      },
      onClose: (reason) => {
        cancel();
        if (isWelcome) this.#closed(peerId, link, reason);
        else fail(reason);
      },
    });
    const workerId = this.#selfId;
    link.send({ type: "peer-hello", protocolVersion: PROTOCOL_VERSION, workerId });
  }

  /** The newest link to a peer is the right one: the peer has given up the former. */
  #add(peerId: number, link: Link): void {
    const former = this.#links.get(peerId);
    this.#links.set(peerId, link);
    former?.cut("replaced by a newer link");
    this.#reportIfLinked();
  }

  #receive(peerId: number, link: Link, frame: TensorFrame): void {
    if (this.#links.get(peerId) === link) this.#options.onFrame(peerId, frame);
  }

  #closed(peerId: number, link: Link, reason: string): void {
    if (this.#links.get(peerId) !== link) return;
    this.#links.delete(peerId);
    this.#lose(this.#form?.generation ?? 0, peerId, reason);
  }

  #drop(peerId: number, link: Link, reason: string): void {
    this.#links.delete(peerId);
    link.close(reason);
  }

  /** Nothing that waits in the link matters any more, and the next exchange waits until it is gone. */
  #cut(peerId: number, link: Link, reason: string): void {
    this.#links.delete(peerId);
    link.cut(reason);
  }

  #lose(generation: number, peerId: number, reason: string): void {
    const isMember = this.#form?.members.some(({ workerId }) => workerId === peerId) === true;
    if (isMember && generation === this.#form?.generation) {
      this.#options.onLost(generation, peerId, reason);
    }
  }

  #reportIfLinked(): void {
    const form = this.#form;
    if (form === undefined) return;
    const others = form.members.filter(({ workerId }) => workerId !== this.#selfId);
    const isLinked = others.every(({ workerId }) => this.#links.has(workerId));
    if (isLinked) this.#options.onLinked(form.generation);
  }
}
