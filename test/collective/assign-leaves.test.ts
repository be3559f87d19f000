import { expect, test } from "vitest";
import { assignLeaves } from "../../src/collective/assign-leaves.ts";
import { coveringNodes } from "../../src/collective/reduction-tree.ts";
import type { LeafRange } from "../../src/protocol/messages.ts";

const pairs = [1, 2, 3, 4, 5, 6, 7, 8, 9].flatMap((numWorkers) =>
  [1, 2, 3, 7, 8, 12, 16].map((numLeaves) => [numLeaves, numWorkers] as const),
);

function numNodes(ranges: readonly LeafRange[], numLeaves: number): number {
  return ranges.reduce((sum, range) => sum + coveringNodes(range, numLeaves).length, 0);
}

/** Every way to give some workers one leaf more, tried. */
function fewestNodes(numLeaves: number, numWorkers: number): number {
  const size = Math.floor(numLeaves / numWorkers);
  let fewest = Number.POSITIVE_INFINITY;
  for (let mask = 0; mask < 2 ** numWorkers; mask++) {
    let lo = 0;
    const ranges = Array.from({ length: numWorkers }, (_, i) => {
      const range = { lo, hi: lo + size + ((mask >> i) & 1) };
      lo = range.hi;
      return range;
    });
    if (lo === numLeaves) fewest = Math.min(fewest, numNodes(ranges, numLeaves));
  }
  return fewest;
}

test.each(pairs)("gives %i leaves to %i workers evenly, with the fewest partials", (M, P) => {
  const ranges = assignLeaves(M, P);
  const sizes = ranges.map(({ lo, hi }) => hi - lo);
  expect(ranges).toHaveLength(P);
  expect(ranges.map(({ lo }) => lo)).toEqual([0, ...ranges.slice(0, -1).map(({ hi }) => hi)]);
  expect(ranges.at(-1)?.hi).toBe(M);
  expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
  expect(numNodes(ranges, M)).toBe(fewestNodes(M, P));
});

test.each([
  [8, 2],
  [8, 4],
  [12, 2],
  [12, 4],
  [20, 4],
  [48, 8],
])("%i leaves for %i workers are single nodes", (numLeaves, numWorkers) => {
  expect(numNodes(assignLeaves(numLeaves, numWorkers), numLeaves)).toBe(numWorkers);
});
