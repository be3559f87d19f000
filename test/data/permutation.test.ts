import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { keyedPermutation } from "../../src/data/permutation.ts";

describe("keyedPermutation", () => {
  test("reaches every element exactly once, whatever the size and the seeds", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3000 }),
        fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
        (size, seeds) => {
          const images = Array.from({ length: size }, (_, i) => i).map(
            keyedPermutation(size, seeds),
          );
          expect(images.sort((a, b) => a - b)).toEqual(images.map((_, i) => i));
        },
      ),
      { numRuns: 60 },
    );
  });

  test.each([
    ["one past a power of two, where most walks leave the range", 2 ** 33 + 1],
    ["halves of different widths", 2 ** 40 + 12_345],
    ["every integer that a double can hold", 2 ** 53],
  ])("stays in range and distinct for huge sizes: %s", (_, size) => {
    const permute = keyedPermutation(size, [7, 0]);
    const indices = Array.from({ length: 2000 }, (_, i) => Math.floor((i / 2000) * size) + (i % 3));
    const images = indices.map(permute);
    expect(images.every((image) => Number.isSafeInteger(image) && image < size)).toBe(true);
    expect(new Set(images).size).toBe(new Set(indices).size);
  });

  test("puts each element at each place equally often over the seeds", () => {
    const [size, numSeeds] = [7, 3500];
    const counts = Array.from({ length: size }, () => new Array<number>(size).fill(0));
    for (let seed = 0; seed < numSeeds; seed++) {
      const permute = keyedPermutation(size, [seed, 0]);
      for (const [index, row] of counts.entries()) {
        const place = permute(index);
        row[place] = (row[place] ?? 0) + 1;
      }
    }
    // 500 expected in each cell, standard deviation 21.
    for (const count of counts.flat()) expect(Math.abs(count - 500)).toBeLessThan(100);
  });

  test.each([
    ["another seed", [1, 0], [2, 0]],
    ["another epoch", [1, 0], [1, 1]],
    ["seed and epoch exchanged", [1, 0], [0, 1]],
  ])("gives another order for %s", (_, seeds, others) => {
    const indices = Array.from({ length: 1000 }, (_, i) => i);
    const [first, second] = [seeds, others].map((list) =>
      indices.map(keyedPermutation(1000, list)),
    );
    const numAgreeing = indices.filter((i) => first?.[i] === second?.[i]).length;
    // One is expected by chance; more than ten has a probability of 1e-8.
    expect(numAgreeing).toBeLessThan(10);
  });
});
