import { MAX_FRAME_FLOATS } from "../protocol/limits.ts";

/**
 * The most scratch that completing chunks can need in any fleet: a chunk, which is never longer than a
 * frame or the vector, for each level of the tree.
 */
export function scratchFloatsOf(vectorLength: number, numLeaves: number): number {
  const depth = 32 - Math.clz32(numLeaves - 1);
  return Math.max(1, depth * Math.min(vectorLength, MAX_FRAME_FLOATS));
}
