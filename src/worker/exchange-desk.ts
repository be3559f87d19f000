import { assert, defined } from "../base/assert.ts";
import type { TrainerError } from "../base/errors.ts";
import { noProfiler, type Profiler } from "../base/profiler.ts";
import { Exchange } from "../collective/exchange.ts";
import { planMesh, planStar } from "../collective/exchange-plan.ts";
import { FrameMailbox, mailboxBytesPerPeer } from "../collective/frame-mailbox.ts";
import type { Kernels } from "../kernels/kernels.ts";
import type { Link } from "../protocol/link.ts";
import type { LeafRange, Moment, PeerWait } from "../protocol/messages.ts";
import type { TensorFrame } from "../protocol/tensor-frame.ts";
import type { MemoryMap } from "./thread-messages.ts";

/** What the desk needs. */
export interface ExchangeDeskOptions {
  /** Ours, until `beginAgain` gives another. */
  readonly selfId: number;
  readonly map: MemoryMap;
  /** Attached to the memory of `map`. */
  readonly kernels: Kernels;
  /** The sum of a moment is whole. */
  onSummed(moment: Moment): void;
  /** A peer's frame was wrong. */
  onViolation(peerId: number, error: TrainerError): void;
  /** Told what the parts of an exchange take. */
  readonly profiler?: Profiler;
}

/** Members of a generation and the links to those who take part in its exchanges. */
export interface Fleet {
  readonly memberIds: readonly number[];
  readonly links: ReadonlyMap<number, Link>;
}

/** Runs one exchange after another; at most one is open. */
export class ExchangeDesk {
  readonly #options: ExchangeDeskOptions;
  #mailbox: FrameMailbox;
  #selfId: number;
  /** Everything that touches the exchange goes through here, one after another. */
  #queue: Promise<void> = Promise.resolve();
  #exchange: Exchange | undefined;
  /** What was to be opened before the newest is not opened any more. */
  #numAborts = 0;
  readonly #profiler: Profiler;
  /** Since when there is nothing to do but to wait for frames; undefined before our first partial. */
  #idleSinceMs: number | undefined;
  #exchangeStartMs: number | undefined;

  constructor(options: ExchangeDeskOptions) {
    this.#options = options;
    this.#profiler = options.profiler ?? noProfiler;
    this.#selfId = options.selfId;
    this.#mailbox = this.#newMailbox();
  }

  /** Another coordinator knows us by another id, and nothing of former generations counts. */
  beginAgain(selfId: number): void {
    this.#selfId = selfId;
    this.#mailbox = this.#newMailbox();
  }

  /** Opens the exchange of a moment: the sum buffer is free. */
  begin(moment: Moment, ranges: readonly LeafRange[], fleet: Fleet): void {
    const numAborts = this.#numAborts;
    void this.#enqueue(() => {
      if (numAborts === this.#numAborts) this.#open(moment, ranges, fleet);
    });
  }

  /** A node of our own is done. */
  addPartial({ generation, step }: Moment, node: LeafRange, byteOffset: number): void {
    void this.#enqueue(() => {
      const { kernels, map } = this.#options;
      const plan = this.#exchange?.plan;
      if (plan?.generation !== generation || plan.step !== step) return;
      const startMs = this.#profiler.now();
      this.#exchange?.addPartial(node, kernels.view(byteOffset, map.numParams + 1));
      this.#profiler.end("add partial", startMs);
      this.#exchangeStartMs ??= startMs;
      this.#idleSinceMs = this.#profiler.now();
    });
  }

  /**
   * Stops the open exchange, and what is about to open: their generation is over.
   *
   * @returns a promise kept when no buffer of theirs is read or written any more.
   */
  abort(): Promise<void> {
    this.#numAborts++;
    // At once, so that little is read any more; the next one waits until all has left.
    void this.#exchange?.abort();
    return this.#enqueue(() => this.#exchange?.abort());
  }

  /** A frame of a peer, for the open exchange or a later one. */
  receive(fromId: number, frame: TensorFrame): void {
    if (this.#idleSinceMs !== undefined) {
      this.#profiler.end("wait for peer", this.#idleSinceMs, fromId);
    }
    const startMs = this.#profiler.now();
    this.#mailbox.receive(fromId, frame);
    this.#profiler.end("take frame", startMs, fromId);
    if (this.#idleSinceMs !== undefined) this.#idleSinceMs = this.#profiler.now();
  }

  /** What a peer has sent ahead is void: its link has closed. */
  forget(peerId: number): void {
    this.#mailbox.forget(peerId);
  }

  /** Frames that came after their moment, since this was last asked. */
  takeNumLate(): number {
    return this.#mailbox.takeNumRefused();
  }

  /** What the exchange of a moment still misses, if it is the open one. */
  waits({ generation, step }: Moment): readonly PeerWait[] {
    const plan = this.#exchange?.plan;
    const isOpen = plan?.generation === generation && plan.step === step;
    return isOpen ? (this.#exchange?.waits() ?? []) : [];
  }

  #open(moment: Moment, ranges: readonly LeafRange[], { memberIds, links }: Fleet): void {
    const { map, kernels, onSummed } = this.#options;
    const selfId = this.#selfId;
    const { generation, step } = moment;
    assert(memberIds.length === ranges.length, "a range for each member");
    const members = memberIds.map((id, i) => ({ id, range: defined(ranges[i], "a range") }));
    const { numLeaves, wire } = map;
    const vectorLength = map.numParams + 1;
    const request = { generation, step, numLeaves, vectorLength, wire, members };
    const plan = map.allReduce === "mesh" ? planMesh(request) : planStar(request);
    const sum = kernels.view(map.sum, vectorLength);
    const scratch = kernels.view(map.scratch, map.scratchFloats);
    const defer = (action: () => void) => void setImmediate(() => this.#doDeferred(action));
    const exchange = new Exchange({ plan, selfId, links, sum, scratch, kernels, defer });
    this.#exchange = exchange;
    this.#idleSinceMs = undefined;
    this.#exchangeStartMs = undefined;
    this.#mailbox.open(exchange);
    void exchange.done.then((end) => {
      if (end !== "complete") return;
      this.#endSpans(step);
      onSummed({ generation, step });
    });
  }

  /** A part of an exchange that has let frames leave and come in before it. */
  #doDeferred(action: () => void): void {
    const startMs = this.#profiler.now();
    action();
    this.#profiler.end("add partial", startMs);
    if (this.#idleSinceMs !== undefined) this.#idleSinceMs = this.#profiler.now();
  }

  #endSpans(step: number): void {
    const startMs = this.#exchangeStartMs;
    if (this.#idleSinceMs !== undefined) {
      this.#profiler.end("wait for sending", this.#idleSinceMs);
    }
    if (startMs !== undefined) this.#profiler.end("exchange", startMs, step);
    this.#idleSinceMs = undefined;
    this.#exchangeStartMs = undefined;
  }

  #newMailbox(): FrameMailbox {
    const { map, onViolation } = this.#options;
    return new FrameMailbox({
      bytesPerPeerMax: mailboxBytesPerPeer(map.numParams + 1, map.numLeaves),
      onViolation,
      defer: (action) => void setImmediate(action),
    });
  }

  #enqueue(action: () => void | Promise<void>): Promise<void> {
    this.#queue = this.#queue.then(action);
    return this.#queue;
  }
}
