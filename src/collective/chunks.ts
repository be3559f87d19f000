import { assert } from "../base/assert.ts";
import { MAX_FRAME_FLOATS } from "../protocol/limits.ts";
import type { ElementType } from "../protocol/tensor-frame.ts";

/** A slice of the flat gradient vector, and who completes its tree. */
export interface Chunk {
  /** First float. */
  readonly offset: number;
  /** Number of floats, from 1 to MAX_FRAME_FLOATS. */
  readonly length: number;
  /** Index among the owners. */
  readonly owner: number;
  /** How it travels. */
  readonly elements: ElementType;
}

/**
 * The chunks of an exchanged vector: `cutChunks`. With a bf16 wire, the last float, which is the loss
 * sum, is a chunk by itself that travels as f32: people read it.
 */
export function chunksOf(
  vectorLength: number,
  numOwners: number,
  wire: ElementType,
): readonly Chunk[] {
  if (wire === "f32") return cutChunks(vectorLength, numOwners);
  const last = { offset: vectorLength - 1, length: 1, owner: 0, elements: "f32" as const };
  if (vectorLength === 1) return [last];
  const cut = cutChunks(vectorLength - 1, numOwners);
  return [...cut.map((chunk) => ({ ...chunk, elements: wire })), last];
}

/** Chunks begin at multiples of 64 bytes, a cache line, where the vector is long enough for it. */
const ALIGNMENT_FLOATS = 16;

/**
 * Cuts a vector into chunks of nearly equal length, dealt to the owners in turn.
 *
 * Every owner gets the same number of chunks; a vector shorter than `numOwners` floats leaves the
 * last owners without. Depends on its arguments alone, so all members of a fleet cut alike.
 */
export function cutChunks(vectorLength: number, numOwners: number): readonly Chunk[] {
  assert(vectorLength >= 1 && numOwners >= 1, `${vectorLength} floats for ${numOwners} owners`);
  // Aligning a cut can lengthen a chunk by up to 15 floats.
  const longest = MAX_FRAME_FLOATS - ALIGNMENT_FLOATS;
  const numChunks = Math.min(
    vectorLength,
    numOwners * Math.ceil(vectorLength / (numOwners * longest)),
  );
  const alignment = vectorLength / numChunks >= ALIGNMENT_FLOATS ? ALIGNMENT_FLOATS : 1;
  const cutAt = (i: number) =>
    i === numChunks
      ? vectorLength
      : Math.floor(Math.floor((i * vectorLength) / numChunks) / alignment) * alignment;
  return Array.from({ length: numChunks }, (_, i) => ({
    offset: cutAt(i),
    length: cutAt(i + 1) - cutAt(i),
    owner: i % numOwners,
    elements: "f32" as const,
  }));
}
