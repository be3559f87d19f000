import { assert, defined } from "../base/assert.ts";
import { TrainerError } from "../base/errors.ts";
import { SumAssembly, sumFrames } from "../protocol/sum-frames.ts";
import type { TensorFrame } from "../protocol/tensor-frame.ts";

/** The sum of one committed step, on its way or here. */
interface Collected {
  readonly donorId: number;
  /** f32[numParams + 1]. */
  readonly vector: Float32Array;
  readonly assembly: SumAssembly;
  /** How many joiners it is being sent to. */
  numLent: number;
  /** Nobody needs it any more: what still comes is checked, and its vector used again when all is over. */
  isForgotten: boolean;
}

/**
 * The gradient sums of committed steps, kept for joiners that do the updates by themselves.
 *
 * Each step needs a vector while joiners catch up, and the members wait for the thread that fills it: those
 * of forgotten sums are used again, since memory that the system has just handed out is slow to fill.
 */
export class SumStore {
  readonly #sums = new Map<number, Collected>();
  #spares: Float32Array[] = [];
  /** Whether nobody catches up any more. */
  #isOver: boolean = true;

  /** From now on takes the sum of `step` from this donor. @param length floats of it. */
  collect(donorId: number, step: number, length: number): void {
    this.#isOver = false;
    const vector = this.#spares.pop() ?? new Float32Array(length);
    const assembly = new SumAssembly(step, vector);
    this.#sums.set(step, { donorId, vector, assembly, numLent: 0, isForgotten: false });
  }

  /**
   * Takes a donor's next frame.
   *
   * @returns the step whose sum is whole with it.
   * @throws {TrainerError} ERR_PROTOCOL when it was not asked for, or is not the one that comes next.
   */
  take(workerId: number, frame: TensorFrame): number | undefined {
    const { step } = frame;
    const sum = this.#sums.get(step);
    if (sum?.donorId !== workerId) {
      const what = `A piece of the sum of step ${step} came, but nothing was due.`;
      throw new TrainerError("ERR_PROTOCOL", `${what} Check that all run one version.`);
    }
    sum.assembly.take(frame);
    if (!sum.assembly.isComplete) return undefined;
    if (!sum.isForgotten) return step;
    this.#release(step, sum);
    return undefined;
  }

  /** Lets `use` have the frames of a sum that is whole, unchanged until it ends. */
  async lend(step: number, use: (frames: Iterable<TensorFrame>) => Promise<void>): Promise<void> {
    const sum = defined(this.#sums.get(step), `the sum of step ${step}`);
    assert(sum.assembly.isComplete, `the sum of step ${step} is whole`);
    sum.numLent += 1;
    try {
      await use(sumFrames(step, sum.vector));
    } finally {
      sum.numLent -= 1;
      if (sum.isForgotten) this.#release(step, sum);
    }
  }

  /** Forgets the sums of steps before `below`; with `isOver` also their memory. */
  forget(below: number, isOver: boolean): void {
    this.#isOver = isOver;
    if (isOver) this.#spares = [];
    for (const [step, sum] of this.#sums) {
      if (step >= below) continue;
      sum.isForgotten = true;
      this.#release(step, sum);
    }
  }

  /** A donor is gone: what it has not sent will not come. */
  forgetDonor(workerId: number): void {
    for (const [step, { donorId, assembly }] of this.#sums) {
      if (donorId === workerId && !assembly.isComplete) this.#sums.delete(step);
    }
  }

  /** Uses the vector of a forgotten sum again, if nothing goes in or out any more. */
  #release(step: number, sum: Collected): void {
    if (!sum.assembly.isComplete || sum.numLent > 0) return;
    if (this.#sums.get(step) === sum) this.#sums.delete(step);
    if (!this.#isOver) this.#spares.push(sum.vector);
  }
}
