import { assert } from "../base/assert.ts";
import type { LeafRange } from "../protocol/messages.ts";

/**
 * The canonical reduction tree: a node [lo, hi) of two or more leaves is the sum of [lo, split) and
 * [split, hi), the left half being the larger one where the count is odd.
 *
 * The step's gradient is defined as this tree's root [0, M). f32 addition is not associative, so the
 * shape of the tree is part of the result: changing it changes the bits of every run. Halves make the
 * ranges of 2, 4, 8, ... workers single nodes wherever the number of workers divides M.
 *
 * @returns the first leaf of the right half.
 */
export function splitOf({ lo, hi }: LeafRange): number {
  assert(hi - lo >= 2, `[${lo}, ${hi}) has no halves`);
  return lo + Math.ceil((hi - lo) / 2);
}

/** The two halves of a node of two or more leaves. */
export function halvesOf(node: LeafRange): readonly [LeafRange, LeafRange] {
  const split = splitOf(node);
  return [
    { lo: node.lo, hi: split },
    { lo: split, hi: node.hi },
  ];
}

/**
 * The fewest nodes of the tree over `numLeaves` leaves whose leaves are exactly `range`, from left to
 * right; none for an empty range. At most about 2·log2(numLeaves).
 */
export function coveringNodes(range: LeafRange, numLeaves: number): readonly LeafRange[] {
  assert(
    0 <= range.lo && range.lo <= range.hi && range.hi <= numLeaves,
    `[${range.lo}, ${range.hi}) is not within [0, ${numLeaves})`,
  );
  const nodes: LeafRange[] = [];
  visit({ lo: 0, hi: numLeaves });
  return nodes;

  function visit(node: LeafRange): void {
    if (node.hi <= range.lo || range.hi <= node.lo) return;
    if (range.lo <= node.lo && node.hi <= range.hi) {
      nodes.push(node);
      return;
    }
    const [left, right] = halvesOf(node);
    visit(left);
    visit(right);
  }
}

/** Whether [lo, hi) is a node of the tree over `numLeaves` leaves. */
export function isNode({ lo, hi }: LeafRange, numLeaves: number): boolean {
  if (!(0 <= lo && lo < hi && hi <= numLeaves)) return false;
  let node: LeafRange = { lo: 0, hi: numLeaves };
  while (node.hi - node.lo > hi - lo) {
    const [left, right] = halvesOf(node);
    node = hi <= left.hi ? left : right;
  }
  return node.lo === lo && node.hi === hi;
}

/** The node whose half `node` is; undefined for the root. `node` must be a node of the tree. */
export function parentOf({ lo, hi }: LeafRange, numLeaves: number): LeafRange | undefined {
  let parent: LeafRange | undefined;
  let node: LeafRange = { lo: 0, hi: numLeaves };
  while (node.lo !== lo || node.hi !== hi) {
    assert(node.hi - node.lo >= 2, `[${lo}, ${hi}) is not a node of ${numLeaves} leaves`);
    parent = node;
    const [left, right] = halvesOf(node);
    node = hi <= left.hi ? left : right;
  }
  return parent;
}
