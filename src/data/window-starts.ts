import { assert } from "../base/assert.ts";
import { seededRandom } from "../base/random.ts";
import { keyedPermutation } from "./permutation.ts";
import { checkPartLength } from "./validation-windows.ts";

/** Which windows a step reads; a pure function of these. */
export interface SamplerOptions {
  /** Tokens of the training part. */
  readonly numTokens: number;
  /** T; a window reads T + 1 tokens. */
  readonly contextLength: number;
  readonly seed: number;
  readonly step: number;
  /** Windows per step. */
  readonly batchSize: number;
}

/**
 * The first token of each window of a step, in the order of the step's sequences.
 *
 * Samples are numbered through the run: g = step · batchSize + i. An epoch is one pass over the W
 * windows that lie side by side in the corpus, in an order drawn anew for each epoch; and in each
 * epoch all windows are shifted by another offset below T, so the model sees other cuts of the text.
 * Nothing is kept between steps: a resumed run needs only its step.
 *
 * @returns f64[batchSize], each from 0 to numTokens - contextLength - 1.
 * @throws {TrainerError} ERR_DATA_SHORT when not even one window fits.
 */
export function windowStarts(options: SamplerOptions): Float64Array {
  const { numTokens, contextLength, seed, step, batchSize } = options;
  checkPartLength("training", numTokens, contextLength);
  const firstSample = step * batchSize;
  assert(Number.isSafeInteger(firstSample + batchSize), "the sample number is past 2^53");
  const numWindows = windowsPerEpoch(numTokens, contextLength);

  const starts = new Float64Array(batchSize);
  let epoch = -1;
  let startOf = (_index: number) => 0;
  for (let i = 0; i < batchSize; i++) {
    const sample = firstSample + i;
    const sampleEpoch = Math.floor(sample / numWindows);
    if (sampleEpoch !== epoch) {
      epoch = sampleEpoch;
      startOf = epochOrder({ numTokens, contextLength, numWindows, seed, epoch });
    }
    starts[i] = startOf(sample % numWindows);
  }
  return starts;
}

/** W: the samples of one epoch, as many as fit side by side at every offset. */
export function windowsPerEpoch(numTokens: number, contextLength: number): number {
  return Math.max(1, Math.floor((numTokens - contextLength) / contextLength));
}

interface Epoch {
  readonly numTokens: number;
  readonly contextLength: number;
  readonly numWindows: number;
  readonly seed: number;
  readonly epoch: number;
}

/** From a sample's number within its epoch to its window's first token. */
function epochOrder(options: Epoch): (index: number) => number {
  const { numTokens, contextLength, numWindows, seed, epoch } = options;
  const numOffsets = Math.min(contextLength, numTokens - numWindows * contextLength);
  const offset = Math.floor(seededRandom(seed, epoch).uniform() * numOffsets);
  const permute = keyedPermutation(numWindows, [seed, epoch]);
  return (index) => offset + permute(index) * contextLength;
}
