import { expect, test } from "vitest";
import { textStatistics } from "../../src/data/text-statistics.ts";
import type { TokenStore } from "../../src/data/token-store.ts";

test("measures what frequencies alone can reach", async () => {
  const statistics = await textStatistics({
    vocabSize: 4,
    train: storeOf([0, 0, 0, 1]),
    validation: storeOf([0, 0, 1, 1]),
  });
  expect(statistics.uniformLoss).toBeCloseTo(Math.log(4), 12);
  expect(statistics.unigramEntropy).toBeCloseTo(Math.log(2), 12);
  // With one added to each of four counts: 4/8 and 2/8.
  expect(statistics.unigramLoss).toBeCloseTo((Math.log(2) + Math.log(4)) / 2, 12);
});

test("stays finite for a token that training text lacks", async () => {
  const validation = storeOf([2, 2]);
  const { unigramLoss } = await textStatistics({
    vocabSize: 3,
    train: storeOf([0, 1]),
    validation,
  });
  expect(unigramLoss).toBeCloseTo(Math.log(5), 12);
});

test("counts parts longer than one reading, in pieces of bounded size", async () => {
  const numTokens = 2 ** 21 + 5;
  const sizes: number[] = [];
  const train: TokenStore = {
    ...storeOf([]),
    numTokens,
    async read(start, count) {
      sizes.push(count);
      return Uint32Array.from({ length: count }, (_, i) => (start + i) % 2);
    },
  };
  const { unigramEntropy } = await textStatistics({ vocabSize: 2, train, validation: train });
  expect(unigramEntropy).toBeCloseTo(Math.log(2), 9);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(2 ** 20);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(2 * numTokens);
});

function storeOf(tokens: readonly number[]): TokenStore {
  return {
    numTokens: tokens.length,
    read: async (start, count) => Uint32Array.from(tokens.slice(start, start + count)),
    [Symbol.asyncDispose]: async () => undefined,
  };
}
