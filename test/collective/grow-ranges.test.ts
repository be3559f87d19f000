import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { assignLeaves } from "../../src/collective/assign-leaves.ts";
import { balanceLeaves, slowestMs } from "../../src/collective/balance-leaves.ts";
import { type FormerShare, growRanges, remainingMs } from "../../src/collective/grow-ranges.ts";
import type { LeafRange } from "../../src/protocol/messages.ts";

const sizeOf = ({ lo, hi }: LeafRange) => hi - lo;
const share = (lo: number, hi: number, numDone: number): FormerShare => ({
  ...{ range: { lo, hi }, numDone },
});

/** Every leaf once, in the workers' order, and nobody without what it had. */
function expectGrown(
  ranges: readonly LeafRange[],
  shares: readonly FormerShare[],
  numLeaves: number,
) {
  expect(ranges.map(({ lo }) => lo)).toEqual([0, ...ranges.slice(0, -1).map(({ hi }) => hi)]);
  expect(ranges.at(-1)?.hi).toBe(numLeaves);
  shares.forEach(({ range }, i) => {
    expect(ranges[i]?.lo).toBeLessThanOrEqual(range.lo);
    expect(ranges[i]?.hi).toBeGreaterThanOrEqual(range.hi);
  });
}

describe("who is left in a step that is divided again", () => {
  test.each([
    ["shares the leaves of one in the middle with its other neighbour", 1, [6, 6, 4]],
    ["gets all leaves of one at the end that it is next to", 0, [8, 4, 4]],
  ])("%s", (_name, lost, sizes) => {
    const shares = [share(0, 4, 4), share(4, 8, 4), share(8, 12, 4), share(12, 16, 4)];
    const left = shares.filter((_, i) => i !== lost);
    const ranges = growRanges({ numLeaves: 16, shares: left, msPerLeaf: [1, 1, 1] });
    expect(ranges.map(sizeOf)).toEqual(sizes);
  });

  test("gets more of the lost leaves the faster it is, and the less it has left", () => {
    const all = [share(0, 4, 4), share(8, 12, 4)];
    const sizes = (msPerLeaf: readonly number[], shares = all) =>
      growRanges({ numLeaves: 12, shares, msPerLeaf }).map(sizeOf);
    expect(sizes([10, 30])).toEqual([7, 5]);
    expect(sizes([10, 10], [share(0, 4, 2), share(8, 12, 4)])).toEqual([5, 7]);
  });

  test("has a share of equal length that travels as fewest partials", () => {
    // [0, 2) and [2, 8) need three nodes, [0, 3) and [3, 8) four; either way one leaf or two are left.
    const shares = [share(0, 2, 1), share(3, 8, 5)];
    expect(growRanges({ numLeaves: 8, shares, msPerLeaf: [1, 1] })).toEqual([
      { lo: 0, hi: 2 },
      { lo: 2, hi: 8 },
    ]);
  });

  test("keeps all that it had, is given every leaf once, and no other way that keeps all is faster", () => {
    const random = seededRandom(4);
    const below = (n: number) => random.uint32() % n;
    for (let trial = 0; trial < 500; trial++) {
      const numWorkers = 2 + below(7);
      const numLeaves = numWorkers + below(40);
      const paces = Array.from({ length: numWorkers }, () => 5 + 100 * random.uniform());
      const former =
        trial % 2 === 0 ? assignLeaves(numLeaves, numWorkers) : balanceLeaves(numLeaves, paces);
      const lost = below(numWorkers);
      const shares = former
        .map((range) => ({ range, numDone: below(sizeOf(range) + 1) }))
        .filter((_, i) => i !== lost);
      const msPerLeaf = paces.filter((_, i) => i !== lost);
      const redivision = { numLeaves, shares, msPerLeaf };
      const ranges = growRanges(redivision);
      expectGrown(ranges, shares, numLeaves);
      const others = Array.from({ length: numLeaves + 1 }, (_, border) =>
        ranges.map(({ lo, hi }, i) => ({
          lo: i === lost ? border : lo,
          hi: i === lost - 1 ? border : hi,
        })),
      ).filter((other) => isGrown(other, shares, numLeaves));
      const least = Math.min(...others.map((other) => remainingMs(other, redivision)));
      expect(remainingMs(ranges, redivision)).toBe(least);
    }
  });

  test("keeps all that it had when several are lost at once, and some have no leaf", () => {
    const random = seededRandom(5);
    for (let trial = 0; trial < 500; trial++) {
      const numWorkers = 2 + (random.uint32() % 10);
      const numLeaves = 1 + (random.uint32() % 20);
      const shares = assignLeaves(numLeaves, numWorkers)
        .map((range) => ({ range, numDone: sizeOf(range) }))
        .filter((_, i) => i === trial % numWorkers || random.uniform() < 0.5);
      const msPerLeaf = shares.map(() => 1);
      expectGrown(growRanges({ numLeaves, shares, msPerLeaf }), shares, numLeaves);
    }
  });
});

function isGrown(
  ranges: readonly LeafRange[],
  shares: readonly FormerShare[],
  numLeaves: number,
): boolean {
  return (
    ranges[0]?.lo === 0 &&
    ranges.at(-1)?.hi === numLeaves &&
    ranges.every(({ lo, hi }, i) => {
      const { range } = shares[i] ?? { range: { lo: -1, hi: -1 } };
      return lo <= range.lo && range.hi <= hi && hi === (ranges[i + 1]?.lo ?? numLeaves);
    })
  );
}

test("what is left to do counts no leaf of a node that is not all within the new range", () => {
  const redivision = { numLeaves: 8, shares: [share(0, 4, 4), share(4, 8, 3)], msPerLeaf: [10, 1] };
  const ranges = [
    { lo: 0, hi: 3 },
    { lo: 3, hi: 8 },
  ];
  // The sum of [0, 4) is of no use for [0, 3); those of [4, 6) and [6, 7) are for [3, 8).
  expect(remainingMs(ranges, redivision)).toBe(30);
  const other = { ...redivision, msPerLeaf: [0, 1] };
  expect(remainingMs(ranges, other)).toBe(2);
  const nothingDone = { ...other, shares: [share(0, 4, 0), share(4, 8, 0)] };
  expect(remainingMs(ranges, nothingDone)).toBe(slowestMs(ranges, [0, 1]));
});
