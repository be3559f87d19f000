import { describe, expect, test } from "vitest";
import {
  coveringNodes,
  halvesOf,
  isNode,
  parentOf,
  splitOf,
} from "../../src/collective/reduction-tree.ts";
import type { LeafRange } from "../../src/protocol/messages.ts";

/** All nodes of the tree, from the definition. */
function allNodes(node: LeafRange): readonly LeafRange[] {
  return node.hi - node.lo === 1 ? [node] : [node, ...halvesOf(node).flatMap(allNodes)];
}

function allRanges(numLeaves: number): readonly LeafRange[] {
  const ranges: LeafRange[] = [];
  for (let lo = 0; lo <= numLeaves; lo++) {
    for (let hi = lo; hi <= numLeaves; hi++) ranges.push({ lo, hi });
  }
  return ranges;
}

test.each([
  [0, 2, 1],
  [0, 3, 2],
  [3, 8, 6],
  [0, 8, 4],
])("splits [%i, %i) at %i", (lo, hi, split) => expect(splitOf({ lo, hi })).toBe(split));

describe.each([1, 2, 3, 5, 8, 12, 13, 16, 31])("the tree over %i leaves", (numLeaves) => {
  const root = { lo: 0, hi: numLeaves };
  const nodes = allNodes(root);
  const names = new Set(nodes.map(({ lo, hi }) => `${lo}-${hi}`));

  test("tells its nodes from other ranges", () => {
    for (const range of allRanges(numLeaves)) {
      expect(isNode(range, numLeaves)).toBe(names.has(`${range.lo}-${range.hi}`));
    }
    expect(isNode({ lo: 0, hi: numLeaves + 1 }, numLeaves)).toBe(false);
  });

  test("knows the parent of each half", () => {
    expect(parentOf(root, numLeaves)).toBeUndefined();
    for (const node of nodes.filter(({ lo, hi }) => hi - lo > 1)) {
      for (const half of halvesOf(node)) expect(parentOf(half, numLeaves)).toEqual(node);
    }
  });

  test("covers each range with nodes, no two of which are halves of one", () => {
    for (const range of allRanges(numLeaves)) {
      const covering = coveringNodes(range, numLeaves);
      let end = range.lo;
      for (const node of covering) {
        expect(node.lo).toBe(end);
        expect(isNode(node, numLeaves)).toBe(true);
        end = node.hi;
      }
      expect(end).toBe(range.hi);
      const parents = covering.map((node) => parentOf(node, numLeaves));
      const inside = parents.filter(
        (parent) => parent && range.lo <= parent.lo && parent.hi <= range.hi,
      );
      expect(inside).toEqual([]);
    }
  });
});
