import { MAX_FRAME_FLOATS } from "../protocol/limits.ts";
import type { ElementType } from "../protocol/tensor-frame.ts";

/**
 * The most scratch that completing chunks can need in any fleet: a chunk, which is never longer than a
 * frame or the vector, for each level of the tree; and one at least to pack bf16 in.
 */
export function scratchFloatsOf(
  vectorLength: number,
  numLeaves: number,
  wire: ElementType,
): number {
  const depth = 32 - Math.clz32(numLeaves - 1);
  const numChunks = Math.max(depth, wire === "f32" ? 0 : 1);
  return Math.max(1, numChunks * Math.min(vectorLength, MAX_FRAME_FLOATS));
}
