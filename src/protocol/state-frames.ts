import { floatsToBytes } from "../base/bytes.ts";
import { TrainerError } from "../base/errors.ts";
import { MAX_FRAME_FLOATS } from "./limits.ts";
import type { TensorFrame } from "./tensor-frame.ts";
import { copyPayload, payloadBytesOf } from "./unread-payload.ts";

/** The training state as flat vectors, f32[numParams] each: parameters, first and second moments. */
export type StateVectors = readonly [Float32Array, Float32Array, Float32Array];

/** A place in a state on its way: vector by vector, each from its start. */
interface Place {
  readonly vector: 0 | 1 | 2;
  readonly offset: number;
}

/**
 * The state after `step` updates as frames of at most MAX_FRAME_FLOATS, in the one order that
 * `StateAssembly` takes. Payloads are views: the vectors must not change until all have left.
 */
export function* stateFrames(step: number, vectors: StateVectors): Generator<TensorFrame> {
  for (const vector of [0, 1, 2] as const) {
    const floats = vectors[vector];
    for (let offset = 0; offset < floats.length; offset += MAX_FRAME_FLOATS) {
      const payload = floatsToBytes(floats.subarray(offset, offset + MAX_FRAME_FLOATS));
      const place = { vector, generation: 0, step, offset, lo: 0, hi: 0 };
      yield { kind: "state", elements: "f32", ...place, payload };
    }
  }
}

/** Puts a state together, frame by frame, directly into the vectors that shall hold it. */
export class StateAssembly {
  readonly step: number;
  readonly #vectors: StateVectors;
  #next: Place | undefined = { vector: 0, offset: 0 };

  /** @param vectors f32[numParams] each, overwritten. */
  constructor(step: number, vectors: StateVectors) {
    this.step = step;
    this.#vectors = vectors;
  }

  get isComplete(): boolean {
    return this.#next === undefined;
  }

  /**
   * Takes the next frame.
   *
   * @throws {TrainerError} ERR_PROTOCOL when it is not the one that comes next.
   */
  take(frame: TensorFrame): void {
    const { kind, step, vector, offset } = frame;
    const next = this.#next;
    const numFloats = payloadBytesOf(frame) / 4;
    const isNext =
      kind === "state" && step === this.step && vector === next?.vector && offset === next.offset;
    const target = this.#vectors[vector];
    if (!isNext || numFloats === 0 || offset + numFloats > target.length) {
      throw new TrainerError(
        "ERR_PROTOCOL",
        `A ${kind} frame of step ${step}, vector ${vector}, floats ${offset} to ${offset + numFloats} ` +
          `came, but ${next === undefined ? "nothing" : `float ${next.offset} of vector ${next.vector}`} ` +
          `of step ${this.step} was due. Check that all run one version.`,
      );
    }
    copyPayload(frame, floatsToBytes(target.subarray(offset, offset + numFloats)));
    this.#next = after({ vector, offset: offset + numFloats }, target.length);
  }
}

function after({ vector, offset }: Place, length: number): Place | undefined {
  if (offset < length) return { vector, offset };
  if (vector === 2) return undefined;
  return { vector: vector === 0 ? 1 : 2, offset: 0 };
}
