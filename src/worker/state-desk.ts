import { digestOf } from "../base/digest.ts";
import type { Link } from "../protocol/link.ts";
import { StateAssembly, type StateVectors, stateFrames } from "../protocol/state-frames.ts";
import { SumAssembly, sumFrames } from "../protocol/sum-frames.ts";
import type { TensorFrame } from "../protocol/tensor-frame.ts";

/** Where the training state, and the sums that bring it up to date, come in and go out. */
export class StateDesk {
  readonly #vectors: StateVectors;
  readonly #sum: Float32Array;
  #assembly: StateAssembly | undefined;
  #sumAssembly: SumAssembly | undefined;

  /**
   * All of the compute thread, which must not use them while state or sums come in.
   *
   * @param sum f32[numParams + 1].
   */
  constructor(vectors: StateVectors, sum: Float32Array) {
    this.#vectors = vectors;
    this.#sum = sum;
  }

  /** Whether no state is half here. */
  get isWhole(): boolean {
    return this.#assembly === undefined || this.#assembly.isComplete;
  }

  /** What was on its way will not be finished. */
  forget(): void {
    this.#assembly = undefined;
  }

  /**
   * Takes a frame of a state.
   *
   * @returns the state's step when it is whole.
   * @throws {TrainerError} ERR_PROTOCOL when it is not the frame that comes next.
   */
  take(frame: TensorFrame): number | undefined {
    const isFirst = frame.vector === 0 && frame.offset === 0;
    if (isFirst || this.#assembly === undefined) {
      this.#assembly = new StateAssembly(frame.step, this.#vectors);
    }
    this.#assembly.take(frame);
    return this.#assembly.isComplete ? frame.step : undefined;
  }

  /**
   * Takes a frame of a committed step's sum.
   *
   * @returns the step when its sum is whole.
   * @throws {TrainerError} ERR_PROTOCOL when it is not the frame that comes next.
   */
  takeSum(frame: TensorFrame): number | undefined {
    if (frame.offset === 0 || this.#sumAssembly === undefined) {
      this.#sumAssembly = new SumAssembly(frame.step, this.#sum);
    }
    this.#sumAssembly.take(frame);
    return this.#sumAssembly.isComplete ? frame.step : undefined;
  }
}

/** Sends a copy of a committed step's sum. @param buffer f32[numParams + 1]. */
export async function sendSum(link: Link, step: number, buffer: SharedArrayBuffer): Promise<void> {
  // One frame at a time: in a star the exchange's frames go over the same link, four at a time.
  for (const frame of sumFrames(step, new Float32Array(buffer))) await link.sendTensor(frame);
}

/**
 * Sends a copy of the state, and the digest of its parameters after the last frame.
 *
 * @param buffer f32[3 · numParams]: parameters, first moments, second moments.
 */
export async function sendSnapshot(
  link: Link,
  step: number,
  buffer: SharedArrayBuffer,
): Promise<void> {
  const vectorBytes = buffer.byteLength / 3;
  const numParams = vectorBytes / Float32Array.BYTES_PER_ELEMENT;
  const vector = (i: number) => new Float32Array(buffer, i * vectorBytes, numParams);
  const state: StateVectors = [vector(0), vector(1), vector(2)];
  for (const frame of stateFrames(step, state)) await link.sendTensor(frame);
  link.send({ type: "digest", step, digest: digestOf(state[0]) });
}
