import { digestOf } from "../base/digest.ts";
import type { Link } from "../protocol/link.ts";
import { StateAssembly, type StateVectors, stateFrames } from "../protocol/state-frames.ts";
import type { TensorFrame } from "../protocol/tensor-frame.ts";

/** Where the training state comes in and goes out. */
export class StateDesk {
  readonly #vectors: StateVectors;
  #assembly: StateAssembly | undefined;

  /** @param vectors of the compute thread, which must not use them while state comes in. */
  constructor(vectors: StateVectors) {
    this.#vectors = vectors;
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
