import { floatsToBytes } from "../base/bytes.ts";
import { TrainerError } from "../base/errors.ts";
import { MAX_FRAME_FLOATS } from "./limits.ts";
import type { TensorFrame } from "./tensor-frame.ts";
import { copyPayload, payloadBytesOf } from "./unread-payload.ts";

/**
 * The sum of a committed step as frames of at most MAX_FRAME_FLOATS, in the one order that `SumAssembly`
 * takes. Payloads are views: the sum must not change until all have left.
 *
 * @param sum f32[numParams + 1]: the gradient sum, then the loss sum.
 */
export function* sumFrames(step: number, sum: Float32Array): Generator<TensorFrame> {
  for (let offset = 0; offset < sum.length; offset += MAX_FRAME_FLOATS) {
    const payload = floatsToBytes(sum.subarray(offset, offset + MAX_FRAME_FLOATS));
    const place = { vector: 0 as const, generation: 0, step, offset, lo: 0, hi: 0 };
    yield { kind: "replay", elements: "f32", ...place, payload };
  }
}

/** Puts the sum of a committed step together, frame by frame. */
export class SumAssembly {
  readonly step: number;
  readonly #target: Float32Array;
  #numFloats = 0;

  /** @param target f32[numParams + 1], overwritten. */
  constructor(step: number, target: Float32Array) {
    this.step = step;
    this.#target = target;
  }

  get isComplete(): boolean {
    return this.#numFloats === this.#target.length;
  }

  /** Takes the next frame. @throws {TrainerError} ERR_PROTOCOL when it is not the one that comes next. */
  take(frame: TensorFrame): void {
    const { step, offset } = frame;
    const end = offset + payloadBytesOf(frame) / Float32Array.BYTES_PER_ELEMENT;
    if (step !== this.step || offset !== this.#numFloats || end > this.#target.length) {
      throw new TrainerError(
        "ERR_PROTOCOL",
        `Floats ${offset} to ${end} of the sum of step ${step} came, but float ${this.#numFloats} of ` +
          `${this.#target.length} of step ${this.step} was due. Check that all run one version.`,
      );
    }
    copyPayload(frame, floatsToBytes(this.#target.subarray(offset, end)));
    this.#numFloats = end;
  }
}
