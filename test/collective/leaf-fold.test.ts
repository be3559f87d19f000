import { expect, test } from "vitest";
import { LeafFold, numFoldBuffers, numFoldBuffersMax } from "../../src/collective/leaf-fold.ts";
import { coveringNodes } from "../../src/collective/reduction-tree.ts";
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
    const partial = fold.endLeaf();
    if (partial !== undefined) finished.push(partial);
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
