import { assert, defined } from "../base/assert.ts";
import { floatsToBytes } from "../base/bytes.ts";
import { TrainerError } from "../base/errors.ts";
import type { Link } from "../protocol/link.ts";
import type { LeafRange, PeerWait } from "../protocol/messages.ts";
import type { TensorFrame } from "../protocol/tensor-frame.ts";
import { payloadBytesOf } from "../protocol/unread-payload.ts";
import { ELEMENT_BYTES } from "../protocol/wire.ts";
import { ChunkSum } from "./chunk-sum.ts";
import { type ExchangePlan, nameOf, scratchLengthOf } from "./exchange-plan.ts";
import { FrameSender } from "./frame-sender.ts";
import { packPayload, roundToBf16, writePayload } from "./payload.ts";
import type { VectorKernels } from "./vector-kernels.ts";

/** What an exchange works on and with. */
export interface ExchangeOptions {
  readonly plan: ExchangePlan;
  /** Id of the participant that this process is. */
  readonly selfId: number;
  /** Links to the other participants that this one talks to, by id: all in a mesh. */
  readonly links: ReadonlyMap<number, Link>;
  /** f32[vectorLength] where `kernels` work; overwritten with the sum, whole once `done`. */
  readonly sum: Float32Array;
  /** f32, at least `scratchLengthOf(plan)`, where `kernels` work; for owners, and to pack bf16. */
  readonly scratch: Float32Array;
  readonly kernels: VectorKernels;
  /** Calls `action` later, once what has come meanwhile was heard; not given or without links: at once. */
  readonly defer?: (action: () => void) => void;
}

/** How an exchange ended. */
export type ExchangeEnd = "complete" | "aborted";

/**
 * One all-reduce, of one generation and step: partials go to the owners of the chunks, finished chunks
 * come back to all, with the same bits on each.
 *
 * Two hops; in a mesh of P workers each sends about 2(P - 1) / P of the vector's bytes. Partials leave as
 * they become available, so the exchange overlaps with the computing of later leaves. A fleet of one
 * does no I/O. There are no timers here: whoever waits asks `waits()` what for.
 *
 * A file longer than others: sending, taking and finishing work on one state of the chunks.
 */
export class Exchange {
  readonly plan: ExchangePlan;
  /** Kept when the whole sum is here and all of ours has left this process, or after `abort()`. */
  readonly done: Promise<ExchangeEnd>;
  readonly #options: ExchangeOptions;
  readonly #senders: ReadonlyMap<number, FrameSender>;
  readonly #nodeNames: ReadonlyMap<number, ReadonlySet<string>>;
  readonly #chunks: readonly ChunkSum[];
  readonly #chunkAt: ReadonlyMap<number, ChunkSum>;
  readonly #ownPartials = new Map<string, Float32Array>();
  /** Whether all that others contribute to a chunk is one node. */
  readonly #isOtherNodeOne: boolean;
  /** Own chunks that are whole and not summed yet. */
  readonly #whole: ChunkSum[] = [];
  readonly #defer: (action: () => void) => void;
  #settle: (end: ExchangeEnd) => void = () => undefined;
  #end: ExchangeEnd | undefined;
  #numFinished = 0;

  constructor(options: ExchangeOptions) {
    const { plan, links, selfId, sum, scratch } = options;
    const isOwner = plan.owners.includes(selfId);
    assert(sum.length === plan.vectorLength, `sum has ${sum.length}/${plan.vectorLength} floats`);
    const needsScratch = isOwner || plan.wire !== "f32";
    assert(!needsScratch || scratch.length >= scratchLengthOf(plan), "the scratch is too small");
    for (const id of isOwner ? plan.participants.map((each) => each.id) : plan.owners) {
      assert(id === selfId || links.has(id), `there is no link to participant ${id}`);
    }
    this.#options = options;
    const { defer } = options;
    this.#defer = defer === undefined || links.size === 0 ? (action) => action() : defer;
    this.plan = plan;
    this.#senders = new Map([...links].map(([id, link]) => [id, new FrameSender(link)]));
    this.#nodeNames = new Map(
      plan.participants.map(({ id, nodes }) => [id, new Set(nodes.map(nameOf))]),
    );
    const others = plan.participants.filter(({ id }) => id !== selfId);
    this.#isOtherNodeOne = others.flatMap(({ nodes }) => nodes).length === 1;
    this.#chunks = plan.chunks.map((chunk, index) => new ChunkSum(plan, chunk, index));
    this.#chunkAt = new Map(this.#chunks.map((each) => [each.chunk.offset, each]));
    this.done = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /**
   * Contributes the partial of one of this participant's nodes. What goes to others leaves first, and of
   * what is to be summed here one chunk a turn: others have something to do meanwhile.
   *
   * @param vector f32[vectorLength] where `kernels` work; only read; must not change until `done`.
   */
  addPartial(node: LeafRange, vector: Float32Array): void {
    if (this.#end !== undefined) return;
    const name = nameOf(node);
    assert(this.#nodesOf(this.#options.selfId).has(name), `${name} is not ours`);
    assert(!this.#ownPartials.has(name), `${name} was added before`);
    assert(vector.length === this.plan.vectorLength, `${name} has ${vector.length} floats`);
    this.#ownPartials.set(name, vector);
    for (const chunk of this.#chunks) {
      if (chunk.ownerId !== this.#options.selfId) this.#sendPartial(chunk, node, vector);
      else if (chunk.isWhole(this.#ownPartials.size)) this.#whole.push(chunk);
    }
    if (this.#whole.length > 0) this.#defer(() => this.#completeNext());
  }

  /**
   * Takes a frame of this exchange's moment from participant `fromId`.
   *
   * @throws {TrainerError} ERR_PEER_FRAME when the plan has no place for it, or it came before: the
   *   peer is broken or hostile, and its link should be closed.
   */
  receive(fromId: number, frame: TensorFrame): void {
    const { generation, step } = this.plan;
    assert(frame.generation === generation && frame.step === step, "a frame of another moment");
    if (this.#end !== undefined) return;
    const chunk = this.#chunkAt.get(frame.offset);
    if (chunk === undefined) throw this.#violation(fromId, frame, "no chunk begins there");
    const { length, elements } = chunk.chunk;
    if (frame.elements !== elements) {
      throw this.#violation(fromId, frame, `${chunk.name} travels as ${elements}`);
    }
    if (payloadBytesOf(frame) !== length * ELEMENT_BYTES[elements]) {
      throw this.#violation(fromId, frame, `${chunk.name} has ${length} floats`);
    }
    if (frame.kind === "partial") this.#receivePartial(fromId, frame, chunk);
    else if (frame.kind === "sum") this.#receiveSum(fromId, frame, chunk);
    else throw this.#violation(fromId, frame, "it is no part of an exchange");
  }

  /**
   * Stops sending and listening: the members have changed.
   *
   * @returns a promise kept when no buffer of ours is read or written any more.
   */
  async abort(): Promise<void> {
    this.#end ??= "aborted";
    for (const sender of this.#senders.values()) sender.stop();
    await this.#allLeft();
    this.#settle(this.#end);
  }

  /** Whether its generation has ended before it did: what still comes for it is too late. */
  get isAborted(): boolean {
    return this.#end === "aborted";
  }

  /** Of whom what is missing, for example of worker 3 "to send chunk 2/5"; nothing once `done`. */
  waits(): readonly PeerWait[] {
    if (this.#end !== undefined) return [];
    const waits: PeerWait[] = [];
    for (const { id: peerId } of this.plan.participants) {
      const missing = peerId === this.#options.selfId ? [] : this.#missingFrom(peerId);
      if (missing.length === 0) continue;
      const more = missing.length > 1 ? ` and ${missing.length - 1} more` : "";
      waits.push({ peerId, what: `to send ${missing[0]}${more}` });
    }
    for (const [peerId, { numWaiting }] of this.#senders) {
      if (numWaiting > 0) waits.push({ peerId, what: `to take ${numWaiting} frames` });
    }
    return waits;
  }

  #receivePartial(fromId: number, frame: TensorFrame, chunk: ChunkSum): void {
    if (chunk.ownerId !== this.#options.selfId)
      throw this.#violation(fromId, frame, "its owner is another");
    const name = nameOf(frame);
    if (!this.#nodesOf(fromId).has(name))
      throw this.#violation(fromId, frame, "that node is not its own");
    const place = { destination: this.#sumOf(chunk), kernels: this.#options.kernels };
    const isNew = this.#isOtherNodeOne
      ? chunk.receiveInPlace(name, frame, place)
      : chunk.receive(name, frame);
    if (!isNew) throw this.#violation(fromId, frame, "it came before");
    if (chunk.isWhole(this.#ownPartials.size)) this.#complete(chunk);
  }

  #receiveSum(fromId: number, frame: TensorFrame, chunk: ChunkSum): void {
    if (chunk.ownerId !== fromId) throw this.#violation(fromId, frame, "its owner is another");
    if (chunk.isFinished) throw this.#violation(fromId, frame, "it came before");
    if (this.#ownPartials.size < this.#nodesOf(this.#options.selfId).size) {
      throw this.#violation(fromId, frame, "it cannot have had this worker's partials yet");
    }
    writePayload(this.#sumOf(chunk), frame, this.#options.kernels);
    this.#finish(chunk);
  }

  #completeNext(): void {
    if (this.#end !== undefined) return;
    this.#complete(defined(this.#whole.shift(), "a whole chunk"));
    if (this.#whole.length > 0) this.#defer(() => this.#completeNext());
  }

  /** Sums one of our own chunks, and hands the sum to the others. */
  #complete(chunk: ChunkSum): void {
    const { kernels, scratch, selfId } = this.#options;
    const sum = this.#sumOf(chunk);
    chunk.completeInto(sum, { ownPartials: this.#ownPartials, scratch, kernels });
    // What the others get is what counts here too, rounded or not.
    if (chunk.chunk.elements !== "f32") roundToBf16(sum, scratch, kernels);
    for (const { id } of this.plan.participants) {
      if (id === selfId) continue;
      this.#send(id, { kind: "sum", chunk, node: { lo: 0, hi: 0 }, floats: sum });
    }
    this.#finish(chunk);
  }

  #finish(chunk: ChunkSum): void {
    chunk.finish();
    this.#numFinished++;
    if (this.#numFinished < this.#chunks.length) return;
    void this.#allLeft().then(() => {
      this.#end ??= "complete";
      this.#settle(this.#end);
    });
  }

  #sendPartial(chunk: ChunkSum, node: LeafRange, vector: Float32Array): void {
    const { offset, length } = chunk.chunk;
    const floats = vector.subarray(offset, offset + length);
    this.#send(chunk.ownerId, { kind: "partial", chunk, node, floats });
  }

  #send(toId: number, outgoing: Outgoing): void {
    const sender = defined(this.#senders.get(toId), `the link to participant ${toId}`);
    sender.push(() => this.#frameOf(outgoing));
  }

  #frameOf({ kind, chunk, node, floats }: Outgoing): TensorFrame {
    const { generation, step } = this.plan;
    const { offset, elements } = chunk.chunk;
    const frame = { kind, vector: 0, generation, step, ...node, offset, elements } as const;
    if (elements === "f32") return { ...frame, payload: floatsToBytes(floats) };
    const { scratch, kernels } = this.#options;
    const lend = () => packPayload(floats, scratch, kernels);
    return {
      ...frame,
      lent: { byteLength: floats.length * ELEMENT_BYTES[elements], lend },
      get payload() {
        return lend().slice();
      },
    };
  }

  async #allLeft(): Promise<void> {
    await Promise.all([...this.#senders.values()].map((sender) => sender.idle()));
  }

  #missingFrom(id: number): readonly string[] {
    const { selfId } = this.#options;
    return this.#chunks.flatMap((chunk) => {
      if (chunk.isFinished) return [];
      if (chunk.ownerId === id) return [chunk.name];
      if (chunk.ownerId !== selfId) return [];
      return [...this.#nodesOf(id)]
        .filter((name) => !chunk.hasReceived(name))
        .map((name) => `leaves ${name} of ${chunk.name}`);
    });
  }

  #nodesOf(id: number): ReadonlySet<string> {
    return this.#nodeNames.get(id) ?? NO_NODES;
  }

  #sumOf({ chunk }: ChunkSum): Float32Array {
    return this.#options.sum.subarray(chunk.offset, chunk.offset + chunk.length);
  }

  #labelOf(id: number): string {
    return this.#options.links.get(id)?.label ?? `participant ${id}`;
  }

  #violation(fromId: number, frame: TensorFrame, why: string): TrainerError {
    const { kind, offset, step } = frame;
    const node = kind === "partial" ? ` of leaves ${nameOf(frame)}` : "";
    return new TrainerError(
      "ERR_PEER_FRAME",
      `${this.#labelOf(fromId)} sent a ${kind}${node} at float ${offset} (${payloadBytesOf(frame)} ` +
        `bytes) in step ${step}, but ${why}. Its link is closed; check that all run one version.`,
    );
  }
}

interface Outgoing {
  readonly kind: "partial" | "sum";
  readonly chunk: ChunkSum;
  readonly node: LeafRange;
  /** Unchanged until it has left: a slice of a partial, or of the sum. */
  readonly floats: Float32Array;
}

const NO_NODES: ReadonlySet<string> = new Set();
