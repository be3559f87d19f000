import { describe, expect, test } from "vitest";
import { isValidationBlock, planSplit } from "../../src/data/plan-split.ts";

describe("planSplit", () => {
  test("gives the tail what nanoGPT gives it: all after the first floor(0.9 n) characters", () => {
    const plan = planSplit(survey([1_115_394]), "tail", 0.1);
    expect(plan).toEqual({ unit: "tail", trainCharacters: 1_003_854 });
  });

  test("spreads whole documents where there are enough of them", () => {
    const plan = planSplit(survey(new Array<number>(40).fill(1000)), "interleaved", 0.1);
    expect(plan.unit === "documents" && indicesOf(plan.isValidation)).toEqual([4, 14, 24, 34]);
  });

  test("comes near the wanted share with documents of very different lengths", () => {
    const lengths = Array.from({ length: 300 }, (_, i) => 100 + ((i * 7919) % 5000));
    const plan = planSplit(survey(lengths), "interleaved", 0.1);
    const taken = lengths.filter((_, i) => plan.unit === "documents" && plan.isValidation[i]);
    const share = sum(taken) / sum(lengths);
    expect(share).toBeGreaterThan(0.095);
    expect(share).toBeLessThan(0.105);
  });

  test.each([
    ["a single document", [1_115_394], 5576],
    ["few documents", [400_000, 300_000, 300_000], 5000],
    [
      "a document larger than the validation part",
      [...new Array<number>(50).fill(100), 95_000],
      500,
    ],
    ["a very long text, in blocks of bounded size", [1e9], 65_536],
    ["a short text, in blocks that still are text", [10_000], 256],
    ["a text so short that a block is its validation part", [1000], 100],
    ["a text of one character", [1], 1],
  ])("takes blocks of %s", (_, lengths, blockCharacters) => {
    const plan = planSplit(survey(lengths), "interleaved", 0.1);
    expect(plan).toEqual({ unit: "blocks", blockCharacters, fraction: 0.1 });
  });
});

describe("isValidationBlock", () => {
  test("takes every tenth block of ten percent, from the middle of the first ten on", () => {
    expect(validationBlocks(40, 0.1)).toEqual([4, 14, 24, 34]);
  });

  test.each([0.01, 0.07, 0.25, 1 / 3, 0.5, 0.9])(
    "takes a share of %d of many blocks",
    (fraction) => {
      expect(validationBlocks(3000, fraction).length).toBeCloseTo(3000 * fraction, -0.5);
    },
  );
});

function validationBlocks(numBlocks: number, fraction: number): number[] {
  return indicesOf(Array.from({ length: numBlocks }, (_, i) => isValidationBlock(i, fraction)));
}

function indicesOf(flags: readonly boolean[]): number[] {
  return flags.flatMap((flag, i) => (flag ? [i] : []));
}

function survey(documentCharacters: readonly number[]) {
  return { numCharacters: sum(documentCharacters), documentCharacters, alphabet: "" };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
