import { StateAssembly, type StateVectors } from "../protocol/state-frames.ts";
import { SumAssembly } from "../protocol/sum-frames.ts";
import type { TensorFrame } from "../protocol/tensor-frame.ts";

/** Told when something begins to come in, and when it is whole. */
export interface StateDeskOptions {
  /** The first of a state's frames is here. */
  onRestoring(): void;
  onRestored(step: number): void;
  onReplayed(step: number): void;
}

/** What the desk writes into; the compute thread must not use it while state or sums come in. */
interface Places {
  readonly vectors: StateVectors;
  /** f32[numParams + 1]. */
  readonly sum: Float32Array;
}

/** Where the training state, and the sums that bring it up to date, come in. */
export class StateDesk {
  readonly #options: StateDeskOptions;
  #places: Places | undefined;
  /** Frames that came before the memory. */
  #early: TensorFrame[] = [];
  #assembly: StateAssembly | undefined;
  #sumAssembly: SumAssembly | undefined;
  #isSumReplayed: boolean = false;

  constructor(options: StateDeskOptions) {
    this.#options = options;
  }

  /** Whether no state is half here. */
  get isWhole(): boolean {
    return this.#assembly === undefined || this.#assembly.isComplete;
  }

  /** Whether a replayed sum, or a part of one, has come into the buffer since the last exchange. */
  get isSumReplayed(): boolean {
    return this.#isSumReplayed;
  }

  /**
   * Here is the memory; frames that have come already go into it.
   *
   * @param sum f32[numParams + 1].
   * @throws {TrainerError} ERR_PROTOCOL when one is not the frame that comes next.
   */
  attach(vectors: StateVectors, sum: Float32Array): void {
    this.#places = { vectors, sum };
    for (const frame of this.#early.splice(0)) this.receive(frame);
  }

  /** An exchange is about to fill the sum. */
  beginExchange(): void {
    this.#isSumReplayed = false;
  }

  /** What was on its way will not be finished. */
  forget(): void {
    this.#early = [];
    this.#assembly = undefined;
  }

  /**
   * Takes a frame of a state or of a committed step's sum.
   *
   * @throws {TrainerError} ERR_PROTOCOL when it is not the frame that comes next.
   */
  receive(frame: TensorFrame): void {
    if (this.#places === undefined) this.#early.push(frame);
    else if (frame.kind === "state") this.#takeState(frame, this.#places);
    else this.#takeSum(frame, this.#places);
  }

  #takeState(frame: TensorFrame, { vectors }: Places): void {
    const isFirst = frame.vector === 0 && frame.offset === 0;
    if (isFirst || this.#assembly === undefined) {
      this.#assembly = new StateAssembly(frame.step, vectors);
      this.#options.onRestoring();
    }
    this.#assembly.take(frame);
    if (this.#assembly.isComplete) this.#options.onRestored(frame.step);
  }

  #takeSum(frame: TensorFrame, { sum }: Places): void {
    this.#isSumReplayed = true;
    if (frame.offset === 0 || this.#sumAssembly === undefined) {
      this.#sumAssembly = new SumAssembly(frame.step, sum);
    }
    this.#sumAssembly.take(frame);
    if (this.#sumAssembly.isComplete) this.#options.onReplayed(frame.step);
  }
}
