import { assert } from "../base/assert.ts";
import type { Kernels } from "./kernels.ts";

/** A cache line: vectors that start on one of their own never share it with another thread's. */
const ALIGNMENT_BYTES = 64;

/** Bytes that an arena needs for vectors of these numbers of floats. */
export function arenaBytes(lengths: Iterable<number>): number {
  let bytes = 0;
  for (const numFloats of lengths) bytes += alignedBytes(numFloats);
  return bytes;
}

/**
 * Hands out the memory of some kernels as vectors, one after another, from its beginning.
 *
 * One arena per memory, in the thread that created it; the others are told byte offsets. Nothing is
 * given back: vectors live as long as the memory.
 */
export class Arena {
  readonly #kernels: Kernels;
  #usedBytes = 0;

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
  }

  /** f32[numFloats], zeros, 64-byte aligned. That it fits is the caller's business: see `arenaBytes`. */
  floats(numFloats: number): Float32Array {
    const start = this.#usedBytes;
    const end = start + alignedBytes(numFloats);
    const { byteLength } = this.#kernels.memory.buffer;
    assert(end <= byteLength, `an arena of ${byteLength} bytes was asked for ${end}`);
    this.#usedBytes = end;
    return this.#kernels.view(start, numFloats);
  }
}

function alignedBytes(numFloats: number): number {
  return (
    Math.ceil((numFloats * Float32Array.BYTES_PER_ELEMENT) / ALIGNMENT_BYTES) * ALIGNMENT_BYTES
  );
}
