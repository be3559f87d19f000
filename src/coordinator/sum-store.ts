import { TrainerError } from "../base/errors.ts";
import type { TensorFrame } from "../protocol/tensor-frame.ts";
import { payloadBytesOf } from "../protocol/unread-payload.ts";

/** The sum of one committed step, on its way or here. */
interface Collected {
  readonly donorId: number;
  /** Floats of the whole sum. */
  readonly length: number;
  readonly frames: TensorFrame[];
  numFloats: number;
  /** Nobody needs it any more: what still comes is checked and dropped. */
  isForgotten: boolean;
}

/** The gradient sums of committed steps, kept as frames for joiners that do the updates by themselves. */
export class SumStore {
  readonly #sums = new Map<number, Collected>();

  /** From now on takes the sum of `step` from this donor. */
  collect(donorId: number, step: number, length: number): void {
    this.#sums.set(step, { donorId, length, frames: [], numFloats: 0, isForgotten: false });
  }

  /**
   * Takes a donor's next frame.
   *
   * @returns the step whose sum is whole with it.
   * @throws {TrainerError} ERR_PROTOCOL when it was not asked for, or is not the one that comes next.
   */
  take(workerId: number, frame: TensorFrame): number | undefined {
    const { step, offset } = frame;
    const sum = this.#sums.get(step);
    const end = offset + payloadBytesOf(frame) / Float32Array.BYTES_PER_ELEMENT;
    if (sum?.donorId !== workerId || offset !== sum.numFloats || end > sum.length) {
      throw new TrainerError(
        "ERR_PROTOCOL",
        `Floats ${offset} to ${end} of the sum of step ${step} came, but ` +
          `${sum?.donorId === workerId ? `float ${sum.numFloats} of ${sum.length}` : "nothing"} ` +
          "was due. Check that all run one version.",
      );
    }
    sum.numFloats = end;
    // In memory of its own: a place that is shared with the donor is given back at once.
    const { unread: _, ...kept } = frame;
    if (!sum.isForgotten) sum.frames.push(kept);
    if (end < sum.length) return undefined;
    if (!sum.isForgotten) return step;
    this.#sums.delete(step);
    return undefined;
  }

  /** The frames of a sum that is whole. */
  framesOf(step: number): readonly TensorFrame[] {
    return this.#sums.get(step)?.frames ?? [];
  }

  /** Forgets the sums of steps before `below`. */
  forget(below: number): void {
    for (const [step, sum] of this.#sums) {
      if (step >= below) continue;
      if (sum.numFloats === sum.length) this.#sums.delete(step);
      sum.isForgotten = true;
      // Not the array itself: it may be on its way to a joiner.
      if (sum.numFloats < sum.length) sum.frames.length = 0;
    }
  }

  /** A donor is gone: what it has not sent will not come. */
  forgetDonor(workerId: number): void {
    for (const [step, sum] of this.#sums) {
      if (sum.donorId === workerId && sum.numFloats < sum.length) this.#sums.delete(step);
    }
  }
}
