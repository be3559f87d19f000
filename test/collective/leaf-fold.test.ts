import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { assignLeaves } from "../../src/collective/assign-leaves.ts";
import {
  LeafFold,
  numFoldBuffers,
  numFoldBuffersMax,
  type Partial,
} from "../../src/collective/leaf-fold.ts";
import { coveringNodes } from "../../src/collective/reduction-tree.ts";
import type { LeafRange } from "../../src/protocol/messages.ts";
import { plainKernels } from "./plain-kernels.ts";

/** Names what was added to what, instead of numbers: "(0+1)". */
function foldNames(lo: number, hi: number, numLeaves: number) {
  const numBuffers = numFoldBuffers({ lo, hi }, numLeaves);
  const buffers = Array.from({ length: numBuffers }, () => new Float32Array(1));
  const names = new Map<Float32Array, string>();
  const fold = new LeafFold({
    ...{ range: { lo, hi }, numLeaves, buffers },
    kernels: {
      ...plainKernels,
      add: (a, b) => void names.set(a, `(${names.get(a)}+${names.get(b)})`),
    },
  });
  const finished: { node: { lo: number; hi: number }; vector: Float32Array }[] = [];
  for (let leaf = fold.nextLeaf; leaf !== undefined; leaf = fold.nextLeaf) {
    const buffer = fold.nextBuffer();
    expect(finished.map((partial) => partial.vector)).not.toContain(buffer);
    names.set(buffer, String(leaf));
    finished.push(...fold.endLeaf());
  }
  return {
    used: names.size,
    numBuffers,
    nodes: finished.map(({ node }) => node),
    sums: finished.map(({ vector }) => names.get(vector)),
  };
}

function treeName(lo: number, hi: number): string {
  if (hi - lo === 1) return String(lo);
  const split = lo + Math.ceil((hi - lo) / 2);
  return `(${treeName(lo, split)}+${treeName(split, hi)})`;
}

test.each([1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 16, 21])(
  "folds any range of %i leaves into its covering nodes, with the buffers foretold",
  (numLeaves) => {
    for (let lo = 0; lo < numLeaves; lo++) {
      for (let hi = lo + 1; hi <= numLeaves; hi++) {
        const { nodes, sums, used, numBuffers } = foldNames(lo, hi, numLeaves);
        expect(nodes).toEqual(coveringNodes({ lo, hi }, numLeaves));
        expect(sums).toEqual(nodes.map((node) => treeName(node.lo, node.hi)));
        expect(used).toBe(numBuffers);
      }
    }
  },
);

/** Folds leaves that are named instead of numbers, in as many buffers as a worker sets aside. */
function namedFolds(numLeaves: number) {
  const numBuffers = numFoldBuffersMax(numLeaves);
  const buffers = Array.from({ length: numBuffers }, () => new Float32Array(1));
  const names = new Map<Float32Array, string>();
  const add = (a: Float32Array, b: Float32Array) =>
    void names.set(a, `(${names.get(a)}+${names.get(b)})`);
  const kernels = { ...plainKernels, add };
  const begin = (lo: number, hi: number, kept: readonly Partial[] = []) =>
    new LeafFold({ range: { lo, hi }, numLeaves, buffers, kernels, kept });
  /** Computes at most so many leaves. */
  function compute(fold: LeafFold, most = numLeaves) {
    const finished = [...fold.takeKept()];
    const computed: number[] = [];
    for (let leaf = fold.nextLeaf; leaf !== undefined && computed.length < most; ) {
      names.set(fold.nextBuffer(), String(leaf));
      computed.push(leaf);
      finished.push(...fold.endLeaf());
      leaf = fold.nextLeaf;
    }
    const sums = finished.map(({ node, vector }) => ({ node, sum: names.get(vector) }));
    return { computed, sums };
  }
  return { begin, compute, nameOf: ({ vector }: Partial) => names.get(vector) };
}

const leavesOf = ({ lo, hi }: LeafRange) => Array.from({ length: hi - lo }, (_, i) => lo + i);

/** What a fold over [lo, hi) has to give, kept nodes or not. */
const wholeSums = (lo: number, hi: number, numLeaves: number) =>
  coveringNodes({ lo, hi }, numLeaves).map((node) => ({ node, sum: treeName(node.lo, node.hi) }));

describe("a fold that takes over from a former one", () => {
  const SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
  test.each(SIZES)(
    "gives the same sums for all pairs of ranges of %i leaves, however far the former was",
    (numLeaves) => {
      const { begin, compute } = namedFolds(numLeaves);
      let numKept = 0;
      for (const { lo, hi } of rangesWithin(numLeaves)) {
        // Compared as text: a matcher for each of so many cases takes longer than all else.
        const whole = JSON.stringify(wholeSums(lo, hi, numLeaves));
        for (const former of rangesWithin(numLeaves)) {
          for (let numDone = 0; numDone <= former.hi - former.lo; numDone++) {
            const first = begin(former.lo, former.hi);
            compute(first, numDone);
            const { computed, sums } = compute(begin(lo, hi, first.held));
            if (JSON.stringify(sums) !== whole) expect(sums).toEqual(JSON.parse(whole));
            numKept += hi - lo - computed.length;
          }
        }
      }
      expect(numKept).toBeGreaterThan(0);
    },
  );

  test("computes only what it had not, when it gets a part of a neighbour's leaves", () => {
    let numFolds = 0;
    for (const numLeaves of [4, 6, 7, 8, 12, 16, 24, 32, 48]) {
      const { begin, compute } = namedFolds(numLeaves);
      for (let numWorkers = 2; numWorkers <= Math.min(numLeaves, 9); numWorkers++) {
        const ranges = assignLeaves(numLeaves, numWorkers);
        for (const [i, { lo, hi }] of ranges.entries()) {
          const middle = Math.floor((lo + hi) / 2);
          const before = ranges[i - 1];
          const after = ranges[i + 1];
          const grown = [
            ...(before === undefined ? [] : [{ former: before, lo: before.lo, hi: middle }]),
            ...(after === undefined ? [] : [{ former: after, lo: middle, hi: after.hi }]),
          ];
          for (const { former, ...range } of grown) {
            for (let numDone = 0; numDone <= former.hi - former.lo; numDone++) {
              const first = begin(former.lo, former.hi);
              compute(first, numDone);
              const { computed } = compute(begin(range.lo, range.hi, first.held));
              const isDone = (leaf: number) => former.lo <= leaf && leaf < former.lo + numDone;
              expect(computed).toEqual(leavesOf(range).filter((leaf) => !isDone(leaf)));
              numFolds++;
            }
          }
        }
      }
    }
    expect(numFolds).toBeGreaterThan(1000);
  });

  test("gives the same sums after any number of changes, with each vector in one place", () => {
    const random = seededRandom(1);
    for (let trial = 0; trial < 300; trial++) {
      const numLeaves = 1 + (random.uint32() % 40);
      const { begin, compute, nameOf } = namedFolds(numLeaves);
      let held: readonly Partial[] = [];
      for (let change = 0; change < 5; change++) {
        const lo = random.uint32() % numLeaves;
        const hi = lo + 1 + (random.uint32() % (numLeaves - lo));
        const fold = begin(lo, hi, held);
        const isLast = change === 4;
        const { sums } = compute(fold, isLast ? numLeaves : random.uint32() % (hi - lo + 1));
        held = fold.held;
        expect(new Set(held.map(({ vector }) => vector)).size).toBe(held.length);
        for (const partial of held) {
          expect(nameOf(partial)).toBe(treeName(partial.node.lo, partial.node.hi));
        }
        if (isLast) expect(sums).toEqual(wholeSums(lo, hi, numLeaves));
      }
    }
  });
});

function rangesWithin(numLeaves: number): readonly LeafRange[] {
  return leavesOf({ lo: 0, hi: numLeaves }).flatMap((lo) =>
    leavesOf({ lo: lo + 1, hi: numLeaves + 1 }).map((hi) => ({ lo, hi })),
  );
}

test("folds an empty range into nothing, without a buffer", () => {
  const range = { lo: 2, hi: 2 };
  expect(numFoldBuffers(range, 4)).toBe(0);
  const fold = new LeafFold({ range, numLeaves: 4, buffers: [], kernels: plainKernels });
  expect(fold.nextLeaf).toBeUndefined();
});

test("the most buffers for up to 70 leaves are those of the worst range", () => {
  for (let numLeaves = 1; numLeaves <= 70; numLeaves++) {
    let worst = 0;
    for (let lo = 0; lo < numLeaves; lo++) {
      for (let hi = lo + 1; hi <= numLeaves; hi++) {
        worst = Math.max(worst, numFoldBuffers({ lo, hi }, numLeaves));
      }
    }
    expect([numLeaves, numFoldBuffersMax(numLeaves)]).toEqual([numLeaves, worst]);
  }
});
