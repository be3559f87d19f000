import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type SamplerOptions,
  windowStarts,
  windowsPerEpoch,
} from "../../src/data/window-starts.ts";

describe("windowStarts", () => {
  test("uses every window of an epoch once, side by side, however steps cut the epoch", () => {
    const options = fc.record({
      numTokens: fc.integer({ min: 2, max: 4000 }),
      contextLength: fc.integer({ min: 1, max: 80 }),
      batchSize: fc.integer({ min: 1, max: 50 }),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(options, (corpus) => {
        fc.pre(corpus.numTokens > corpus.contextLength);
        const numWindows = windowsPerEpoch(corpus.numTokens, corpus.contextLength);
        const starts = samples(corpus, 2 * numWindows);
        for (const epoch of [starts.slice(0, numWindows), starts.slice(numWindows)]) {
          const sorted = epoch.toSorted((a, b) => a - b);
          const [first = -1] = sorted;
          expect(first).toBeGreaterThanOrEqual(0);
          expect(sorted).toEqual(sorted.map((_, i) => first + i * corpus.contextLength));
          expect((sorted.at(-1) ?? 0) + corpus.contextLength).toBeLessThan(corpus.numTokens);
        }
      }),
      { numRuns: 100 },
    );
  });

  test("leaves less than two windows of an epoch's text unused", () => {
    for (const numTokens of [65, 127, 128, 129, 1000, 6400, 100_003]) {
      expect(numTokens - 64 * windowsPerEpoch(numTokens, 64)).toBeLessThan(2 * 64 + 1);
    }
  });

  test("shifts the windows from epoch to epoch, and draws another order", () => {
    const corpus = { numTokens: 64 * 101, contextLength: 64, batchSize: 10, seed: 3 };
    const epochs = [0, 1, 2, 3].map((epoch) =>
      samples(corpus, 500).slice(epoch * 100, epoch * 100 + 100),
    );
    const offsets = epochs.map((epoch) => Math.min(...epoch));
    expect(new Set(offsets).size).toBeGreaterThan(1);
    expect(offsets.every((offset) => offset < 64)).toBe(true);
    const orders = epochs.map((epoch, i) => epoch.map((start) => start - (offsets[i] ?? 0)).join());
    expect(new Set(orders).size).toBe(4);
  });

  test("depends on nothing but its arguments", () => {
    const options = { numTokens: 5000, contextLength: 32, seed: 1, step: 17, batchSize: 8 };
    const first = windowStarts(options);
    windowStarts({ ...options, step: 0, seed: 9 });
    expect(windowStarts(options)).toEqual(first);
    expect(windowStarts({ ...options, seed: 2 })).not.toEqual(first);
  });

  test("keeps the order that runs under way were started with", () => {
    // Changing this breaks `resume`: a continued run would see some text twice and some not at all.
    const options = { numTokens: 1_003_854, contextLength: 64, seed: 1, batchSize: 4 };
    const steps = [0, 3920, 3921].map((step) => [...windowStarts({ ...options, step })]);
    expect(steps).toMatchInlineSnapshot(`
      [
        [
          246213,
          112901,
          710277,
          207557,
        ],
        [
          325509,
          415621,
          509765,
          884165,
        ],
        [
          626387,
          761683,
          530387,
          280979,
        ],
      ]
    `);
  });

  test("works at the far end of a corpus of 2^52 tokens", () => {
    const numTokens = 2 ** 52;
    const options = { numTokens, contextLength: 1024, seed: 5, step: 2 ** 40, batchSize: 64 };
    for (const start of windowStarts(options)) {
      expect(Number.isSafeInteger(start)).toBe(true);
      expect(start + 1024).toBeLessThan(numTokens);
    }
  });

  test("takes the one window of a corpus that is one token longer than the context", () => {
    const options = { numTokens: 65, contextLength: 64, seed: 1, step: 9, batchSize: 3 };
    expect([...windowStarts(options)]).toEqual([0, 0, 0]);
  });

  test("refuses a corpus that is as short as the context", () => {
    const options = { numTokens: 64, contextLength: 64, seed: 1, step: 0, batchSize: 1 };
    expect(() => windowStarts(options)).toThrow(
      expect.objectContaining({
        code: "ERR_DATA_SHORT",
        message: expect.stringMatching(/training part has 64 tokens.* needs 65/),
      }),
    );
  });
});

/** The first `count` samples of a run. */
function samples(corpus: Omit<SamplerOptions, "step">, count: number): number[] {
  const numSteps = Math.ceil(count / corpus.batchSize);
  const steps = Array.from({ length: numSteps }, (_, step) => [
    ...windowStarts({ ...corpus, step }),
  ]);
  return steps.flat().slice(0, count);
}
