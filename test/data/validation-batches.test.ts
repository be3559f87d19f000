import { describe, expect, test } from "vitest";
import type { TokenStore } from "../../src/data/token-store.ts";
import { validationBatches } from "../../src/data/validation-batches.ts";

describe("validationBatches", () => {
  test.each([
    ["one window and its target", 1025, 1024],
    ["a tail that fills no window", 2 * 2048 + 900, 1024],
    ["a last batch that is smaller", 7 * 1000 + 1, 1000],
    ["a context longer than a batch", 9001, 3000],
    ["many short windows", 20_000, 7],
  ])("covers every window exactly once: %s", async (_, numTokens, contextLength) => {
    const batches = validationBatches(countingStore(numTokens), contextLength);
    const inputs: number[] = [];
    for (let i = 0; i < batches.numBatches; i++) {
      const { numSequences, tokens } = await batches.read(i);
      for (let row = 0; row < numSequences; row++) {
        const start = row * (contextLength + 1);
        const window = [...tokens.subarray(start, start + contextLength + 1)];
        expect(window.slice(1)).toEqual(window.slice(0, -1).map((token) => token + 1));
        inputs.push(...window.slice(0, -1));
      }
    }
    expect(inputs).toEqual(Array.from({ length: batches.numPositions }, (_, i) => i));
    expect(numTokens - 1 - batches.numPositions).toBeLessThan(contextLength);
  });

  test("refuses a part that holds no window", () => {
    expect(() => validationBatches(countingStore(64), 64)).toThrow(
      expect.objectContaining({ code: "ERR_DATA_SHORT" }),
    );
  });
});

/** Token i is i. */
function countingStore(numTokens: number): TokenStore {
  return {
    numTokens,
    read: async (start, count) => Uint32Array.from({ length: count }, (_, i) => start + i),
    async [Symbol.asyncDispose]() {},
  };
}
