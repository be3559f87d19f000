import { defined } from "../base/assert.ts";
import { TrainerError } from "../base/errors.ts";
import { Exchange } from "../collective/exchange.ts";
import { COORDINATOR_ID, planStar, scratchLengthOf } from "../collective/exchange-plan.ts";
import { FrameMailbox, mailboxBytesPerPeer } from "../collective/frame-mailbox.ts";
import { Arena, arenaBytes } from "../kernels/arena.ts";
import { createKernels, type Kernels } from "../kernels/kernels.ts";
import type { Link } from "../protocol/link.ts";
import type { LeafRange, Moment, PeerWait } from "../protocol/messages.ts";
import type { ElementType, TensorFrame } from "../protocol/tensor-frame.ts";

/** What the owner of a star's chunks needs. */
export interface StarOwnerOptions {
  readonly numParams: number;
  readonly numLeaves: number;
  readonly wire: ElementType;
  linkOf(workerId: number): Link | undefined;
  /** A worker's frame was wrong: its link should be closed. */
  onViolation(workerId: number, error: TrainerError): void;
}

/** Who takes part in one step's exchange. */
export interface StarMembers extends Moment {
  readonly members: readonly number[];
  readonly ranges: readonly LeafRange[];
}

/** The memory in which chunks are completed. */
interface Room {
  readonly kernels: Kernels;
  readonly sum: Float32Array;
  readonly scratch: Float32Array;
}

/** The coordinator's part in a star: it owns every chunk of every exchange. */
export class StarOwner {
  readonly #options: StarOwnerOptions;
  readonly #mailbox: FrameMailbox;
  #room: Promise<Room> | undefined;
  #exchange: Exchange | undefined;
  /** The exchanges, one after another: the next opens when the former has ended. */
  #queue: Promise<void> = Promise.resolve();
  #generation = 0;

  constructor(options: StarOwnerOptions) {
    this.#options = options;
    const { numParams, numLeaves, onViolation } = options;
    this.#mailbox = new FrameMailbox({
      bytesPerPeerMax: mailboxBytesPerPeer(numParams + 1, numLeaves),
      onViolation,
      defer: (action) => void setImmediate(action),
    });
  }

  /** A new generation: exchanges of the former end. */
  abort(generation: number): void {
    this.#generation = generation;
    const aborted = this.#exchange?.abort();
    this.#queue = this.#queue.then(() => aborted);
  }

  /** Takes part in the exchange of a step that was assigned. */
  expect(request: StarMembers): Promise<void> {
    this.#queue = this.#queue.then(() => this.#run(request));
    return this.#queue;
  }

  /** A partial of a worker. */
  receive(workerId: number, frame: TensorFrame): void {
    try {
      this.#mailbox.receive(workerId, frame);
    } catch (error) {
      if (!(error instanceof TrainerError)) throw error;
      this.#options.onViolation(workerId, error);
    }
  }

  /** A worker is gone. */
  forget(workerId: number): void {
    this.#mailbox.forget(workerId);
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

  async #run({ generation, step, members, ranges }: StarMembers): Promise<void> {
    const { numParams, numLeaves, wire, linkOf } = this.#options;
    this.#room ??= this.#makeRoom();
    const { kernels, sum, scratch } = await this.#room;
    if (generation !== this.#generation) return;
    const ids = members.map((id, i) => ({ id, range: defined(ranges[i], "a range") }));
    const vectorLength = numParams + 1;
    const plan = planStar({ generation, step, numLeaves, vectorLength, wire, members: ids });
    const links = new Map<number, Link>();
    for (const workerId of members) {
      const link = linkOf(workerId);
      // Lost already: another generation is about to be formed.
      if (link === undefined) return;
      links.set(workerId, link);
    }
    const exchange = new Exchange({ plan, selfId: COORDINATOR_ID, links, sum, scratch, kernels });
    this.#exchange = exchange;
    this.#mailbox.open(exchange);
    await exchange.done;
  }

  async #makeRoom(): Promise<Room> {
    const { numParams, numLeaves, wire } = this.#options;
    const vectorLength = numParams + 1;
    const everything = { lo: 0, hi: numLeaves };
    const scratchFloats = scratchLengthOf(
      planStar({
        ...{ generation: 0, step: 0, numLeaves, vectorLength, wire },
        members: [{ id: 0, range: everything }],
      }),
    );
    const kernels = await createKernels({ bytes: arenaBytes([vectorLength, scratchFloats]) });
    const arena = new Arena(kernels);
    const sum = arena.floats(vectorLength);
    return { kernels, sum, scratch: arena.floats(scratchFloats) };
  }
}
