import { assert } from "../base/assert.ts";
import type { Configuration } from "../configuration/configuration.ts";
import type { TokenBlock } from "../engine/engine.ts";

/** uint32 little-endian tokens of a message as i32: ids are below 2^24. */
export function tokensOf(bytes: Uint8Array): Int32Array {
  assert(bytes.byteLength % 4 === 0, `${bytes.byteLength} bytes are not whole tokens`);
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Int32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
}

/**
 * The block of one of a worker's leaves.
 *
 * @param tokens those of all its leaves, as in `assign`.
 * @param leafIndex counted from the first of its leaves.
 */
export function leafBlock(
  tokens: Uint8Array,
  leafIndex: number,
  { microBatchSize, contextLength }: Configuration,
): TokenBlock {
  const numTokens = microBatchSize * (contextLength + 1);
  const start = leafIndex * numTokens;
  const leaf = tokensOf(tokens).subarray(start, start + numTokens);
  return { numSequences: microBatchSize, length: contextLength, tokens: leaf };
}
