import type { DataFolder } from "./open-data-folder.ts";
import type { TokenStore } from "./token-store.ts";
import { visitTokens } from "./visit-tokens.ts";

/** What a model without any context would reach: the yardsticks of a loss in nats per token. */
export interface TextStatistics {
  /** log(vocabSize): every token equally likely; the loss of a fresh model. */
  readonly uniformLoss: number;
  /** Entropy of the frequencies of the validation part's tokens: the least loss without context. */
  readonly unigramEntropy: number;
  /**
   * Loss on the validation part of the training part's frequencies (plus one each): what a model
   * that learned only frequencies gets.
   */
  readonly unigramLoss: number;
}

/** Counts the tokens of both parts; one pass in memory for two counts per vocabulary entry. */
export async function textStatistics(
  folder: Pick<DataFolder, "train" | "validation" | "vocabSize">,
): Promise<TextStatistics> {
  const { vocabSize } = folder;
  const train = await tokenCounts(folder.train, vocabSize);
  const validation = await tokenCounts(folder.validation, vocabSize);
  const numValidation = folder.validation.numTokens;
  let entropySum = 0;
  let lossSum = 0;
  for (const [token, count] of validation.entries()) {
    if (count === 0) continue;
    const probability = ((train[token] ?? 0) + 1) / (folder.train.numTokens + vocabSize);
    entropySum -= count * Math.log(count / numValidation);
    lossSum -= count * Math.log(probability);
  }
  return {
    uniformLoss: Math.log(vocabSize),
    unigramEntropy: entropySum / numValidation,
    unigramLoss: lossSum / numValidation,
  };
}

async function tokenCounts(store: TokenStore, vocabSize: number): Promise<Float64Array> {
  const counts = new Float64Array(vocabSize);
  await visitTokens(store, (tokens) => {
    for (const token of tokens) counts[token] = (counts[token] ?? 0) + 1;
  });
  return counts;
}
