import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assignLeaves } from "../../src/collective/assign-leaves.ts";
import { balanceLeaves, slowestMs } from "../../src/collective/balance-leaves.ts";
import { coveringNodes } from "../../src/collective/reduction-tree.ts";
import type { LeafRange } from "../../src/protocol/messages.ts";

const sizesOf = (ranges: readonly LeafRange[]) => ranges.map(({ lo, hi }) => hi - lo);

const numNodes = (ranges: readonly LeafRange[], numLeaves: number) =>
  ranges.reduce((sum, range) => sum + coveringNodes(range, numLeaves).length, 0);

/** The least that the slowest can take when everybody gets a leaf at least: one leaf after another is dealt. */
function leastMs(numLeaves: number, paces: readonly number[]): number {
  const sizes = paces.map(() => 1);
  for (let dealt = paces.length; dealt < numLeaves; dealt++) {
    const after = sizes.map((size, i) => (size + 1) * (paces[i] ?? 0));
    const next = after.indexOf(Math.min(...after));
    sizes[next] = (sizes[next] ?? 0) + 1;
  }
  return Math.max(...sizes.map((size, i) => size * (paces[i] ?? 0)));
}

describe("leaves for workers of different speed", () => {
  test("are whole, in order, one at least for each, and take 5 % more than the least at most", () => {
    const fleets = fc
      .array(fc.double({ min: 1, max: 500, noNaN: true }), { minLength: 1, maxLength: 9 })
      .chain((paces) =>
        fc.record({
          paces: fc.constant(paces),
          numLeaves: fc.integer({ min: paces.length, max: 70 }),
        }),
      );
    fc.assert(
      fc.property(fleets, ({ paces, numLeaves }) => {
        const ranges = balanceLeaves(numLeaves, paces);
        expect(ranges).toHaveLength(paces.length);
        const borders = [0, ...ranges.map(({ hi }) => hi)];
        expect(ranges.map(({ lo }) => lo)).toEqual(borders.slice(0, -1));
        expect(borders.at(-1)).toBe(numLeaves);
        expect(Math.min(...sizesOf(ranges))).toBeGreaterThanOrEqual(1);
        const limitMs = 1.05 * leastMs(numLeaves, paces) * (1 + 1e-6);
        expect(slowestMs(ranges, paces)).toBeLessThanOrEqual(limitMs);
      }),
    );
  });

  test.each([
    ["a worker twice as slow gets half as many", 14, [70, 70, 70, 140], [4, 4, 4, 2]],
    ["the slow one may stand anywhere", 16, [210, 70, 70, 70], [1, 5, 5, 5]],
    [
      "a worker that takes longer than all others together gets one leaf",
      8,
      [1, 1000, 1],
      [3, 1, 4],
    ],
    ["as many workers as leaves have one each", 3, [1, 2, 900], [1, 1, 1]],
    ["a worker alone has all", 7, [3], [7]],
    // A clock that is too coarse to see a leaf.
    ["no time at all is a time", 8, [0, 0], [4, 4]],
  ])("%s", (_name, numLeaves, paces, sizes) => {
    const ranges = balanceLeaves(numLeaves, paces);
    expect(slowestMs(ranges, paces)).toBe(
      Math.max(...sizes.map((size, i) => size * (paces[i] ?? 0))),
    );
    expect([...sizesOf(ranges)].sort()).toEqual([...sizes].sort());
  });

  test("cost as few partials as even ones where all are alike", () => {
    for (const numWorkers of [2, 3, 4, 6, 8]) {
      const paces = Array.from({ length: numWorkers }, () => 10);
      const balanced = numNodes(balanceLeaves(24, paces), 24);
      expect(balanced).toBeLessThanOrEqual(numNodes(assignLeaves(24, numWorkers), 24));
    }
  });

  test("put borders where the tree has its own, within what they may cost", () => {
    // Of 32 leaves, [0, 8) is one node; 7 or 9 leaves would be three or two.
    expect(balanceLeaves(32, [30, 10])).toEqual([
      { lo: 0, hi: 8 },
      { lo: 8, hi: 32 },
    ]);
  });

  test("are divided for a thousand workers in one go", () => {
    const paces = Array.from({ length: 1024 }, (_, i) => 10 + (i % 7));
    expect(balanceLeaves(8192, paces).at(-1)?.hi).toBe(8192);
  });
});
