import { assert } from "../base/assert.ts";
import type { ModelConfiguration } from "../configuration/configuration.ts";
import type { TokenBlock } from "./engine.ts";

/** A block's tokens as the model takes them, i32[numSequences · length] each, row after row. */
export interface TokenColumns {
  readonly inputs: Int32Array;
  readonly targets: Int32Array;
}

/**
 * Splits each row of a block into its first and its last `length` tokens.
 *
 * Asserts what an engine relies on: a length within the context, whole rows, ids of the vocabulary.
 */
export function tokenColumns(model: ModelConfiguration, block: TokenBlock): TokenColumns {
  const { numSequences, length, tokens } = block;
  const { contextLength, vocabSize } = model;
  assert(numSequences >= 1 && length >= 1, `a block of ${numSequences} rows of ${length} tokens`);
  assert(length <= contextLength, `rows of ${length} tokens in a context of ${contextLength}`);
  const rowLength = length + 1;
  assert(
    tokens.length === numSequences * rowLength,
    `${tokens.length} tokens for ${numSequences} rows of ${rowLength}`,
  );
  for (const token of tokens) {
    assert(token >= 0 && token < vocabSize, `token ${token} in a vocabulary of ${vocabSize}`);
  }
  const inputs = new Int32Array(numSequences * length);
  const targets = new Int32Array(numSequences * length);
  for (let row = 0; row < numSequences; row++) {
    const start = row * rowLength;
    inputs.set(tokens.subarray(start, start + length), row * length);
    targets.set(tokens.subarray(start + 1, start + rowLength), row * length);
  }
  return { inputs, targets };
}
