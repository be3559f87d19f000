import { assert, defined } from "../base/assert.ts";
import type { LeafRange } from "../protocol/messages.ts";
import { coveringNodes } from "./reduction-tree.ts";

/** What a worker was given of a step that is divided again, and how many leaves it has, from the left. */
export interface FormerShare {
  readonly range: LeafRange;
  readonly numDone: number;
}

/** A step that is divided again, in the workers' order. */
export interface Redivision {
  readonly numLeaves: number;
  /** Of those who are left; their ranges do not overlap, and ascend. */
  readonly shares: readonly FormerShare[];
  /** What each takes for a leaf. */
  readonly msPerLeaf: readonly number[];
}

/**
 * Divides a step's leaves again when workers were lost: each of the others keeps its range, and what lies
 * between two goes to them so that the one that has more left is done earliest. Of equal divisions, one of
 * fewest nodes of the reduction tree. Nobody computes again what it has.
 */
export function growRanges({ numLeaves, shares, msPerLeaf }: Redivision): readonly LeafRange[] {
  const ranges = shares.map(({ range }) => range);
  const numLeft = shares.map(({ range, numDone }) => range.hi - range.lo - numDone);
  const lastIndex = shares.length - 1;
  const give = (i: number, lo: number, hi: number) => {
    const range = defined(ranges[i], "a range");
    numLeft[i] = defined(numLeft[i], "a count") + range.lo - lo + hi - range.hi;
    ranges[i] = { lo, hi };
  };
  // What lies at the ends has one neighbour: it is given before what two may share.
  give(0, 0, defined(ranges[0], "a range").hi);
  give(lastIndex, defined(ranges[lastIndex], "a range").lo, numLeaves);
  for (let i = 0; i < lastIndex; i++) {
    const left = defined(ranges[i], "a range");
    const right = defined(ranges[i + 1], "a range");
    assert(left.hi <= right.lo, "former ranges ascend");
    const msWith = (border: number) =>
      Math.max(
        (defined(numLeft[i], "a count") + border - left.hi) * defined(msPerLeaf[i], "a pace"),
        (defined(numLeft[i + 1], "a count") + right.lo - border) *
          defined(msPerLeaf[i + 1], "a pace"),
      );
    const numNodesWith = (border: number) =>
      coveringNodes({ lo: left.lo, hi: border }, numLeaves).length +
      coveringNodes({ lo: border, hi: right.hi }, numLeaves).length;
    const borders = Array.from({ length: right.lo - left.hi + 1 }, (_, k) => left.hi + k);
    const leastMs = Math.min(...borders.map(msWith));
    const best = borders.filter((border) => msWith(border) === leastMs);
    const fewest = Math.min(...best.map(numNodesWith));
    const border = defined(
      best.find((one) => numNodesWith(one) === fewest),
      "a border",
    );
    give(i, left.lo, border);
    give(i + 1, border, right.hi);
  }
  return ranges;
}

/**
 * What the worker that has most left takes for it, ms, when the leaves are divided like this. What one has
 * are sums of nodes: of a node that is not all within its new range, nothing is left to it.
 */
export function remainingMs(
  ranges: readonly LeafRange[],
  { numLeaves, shares, msPerLeaf }: Redivision,
): number {
  return Math.max(
    ...ranges.map(({ lo, hi }, i) => {
      const { range, numDone } = defined(shares[i], "a former share");
      const kept = coveringNodes({ lo: range.lo, hi: range.lo + numDone }, numLeaves)
        .filter((node) => lo <= node.lo && node.hi <= hi)
        .reduce((sum, node) => sum + node.hi - node.lo, 0);
      return (hi - lo - kept) * defined(msPerLeaf[i], "a pace");
    }),
  );
}
