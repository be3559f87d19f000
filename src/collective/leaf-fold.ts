import { assert, defined } from "../base/assert.ts";
import type { LeafRange } from "../protocol/messages.ts";
import { coveringNodes, isNode } from "./reduction-tree.ts";
import type { VectorKernels } from "./vector-kernels.ts";

/** A node's gradient sum, complete. */
export interface Partial {
  readonly node: LeafRange;
  /**
   * f32[vectorLength], one of the fold's buffers; unchanged until the next `LeafFold` takes the buffers,
   * which it may when no exchange sends from them any more.
   */
  readonly vector: Float32Array;
}

/** What is folded, with what. */
export interface LeafFoldOptions {
  readonly range: LeafRange;
  readonly numLeaves: number;
  /** At least `numFoldBuffers(range, numLeaves)`, of equal length. */
  readonly buffers: readonly Float32Array[];
  readonly kernels: VectorKernels;
  /**
   * Sums of nodes of the same step from a former fold, in some of `buffers`, not overlapping. Those within the
   * range are not computed again; their vectors are this fold's now.
   */
  readonly kept?: readonly Partial[];
}

/**
 * Folds the gradients of a range of leaves into the tree's partials, leaf by leaf from the left, like
 * carries in a binary counter.
 *
 * First `takeKept()`; then write each leaf's gradient into `nextBuffer()` and call `endLeaf()`. Both give
 * the partials of the covering nodes as they finish, whose buffers stay as they are. One fold serves one
 * range in one step. The bits of a partial depend on its leaves and on the tree alone: a kept node is
 * taken in where its leaves' turn comes, as if they had just been folded.
 */
export class LeafFold {
  readonly #numLeaves: number;
  readonly #kernels: VectorKernels;
  readonly #free: Float32Array[];
  readonly #covering: readonly LeafRange[];
  readonly #finished: Partial[] = [];
  #leaf: number;
  #stack: Partial[] = [];
  #next: Float32Array | undefined;
  /** Kept nodes whose turn has not come, from left to right. */
  #kept: Partial[];

  constructor({ range, numLeaves, buffers, kernels, kept = [] }: LeafFoldOptions) {
    const numBuffers = numFoldBuffers(range, numLeaves);
    assert(buffers.length >= numBuffers, `${numBuffers} buffers needed, ${buffers.length} given`);
    this.#numLeaves = numLeaves;
    this.#kernels = kernels;
    this.#covering = coveringNodes(range, numLeaves);
    this.#leaf = range.lo;
    this.#kept = kept
      .filter(({ node }) => range.lo <= node.lo && node.hi <= range.hi)
      .sort((a, b) => a.node.lo - b.node.lo);
    const taken = new Set(this.#kept.map(({ vector }) => vector));
    this.#free = buffers.filter((buffer) => !taken.has(buffer)).reverse();
  }

  /** The leaf whose gradient is due next; undefined when all are done. */
  get nextLeaf(): number | undefined {
    return this.#finished.length < this.#covering.length ? this.#leaf : undefined;
  }

  /** All nodes whose sums are here, whatever has become of them: for the next fold of the same step. */
  get held(): readonly Partial[] {
    return [...this.#finished, ...this.#stack, ...this.#kept];
  }

  /** The buffer for the gradient of `nextLeaf`, f32[vectorLength], with old content: overwrite all of it. */
  nextBuffer(): Float32Array {
    assert(this.nextLeaf !== undefined, "all leaves of the range are done");
    // Kept nodes that wait may leave too few buffers: then the last one's leaves are computed after all.
    this.#next ??= defined(this.#free.pop() ?? this.#kept.pop()?.vector, "a free buffer");
    return this.#next;
  }

  /**
   * Takes the gradient in `nextBuffer()` as that of `nextLeaf`.
   *
   * @returns the covering nodes that are whole now: by this leaf, and by kept nodes after it.
   */
  endLeaf(): readonly Partial[] {
    const leaf = { node: { lo: this.#leaf, hi: this.#leaf + 1 }, vector: this.nextBuffer() };
    this.#next = undefined;
    return [...this.#take(leaf), ...this.takeKept()];
  }

  /** Takes in kept nodes whose turn has come: once before the first leaf. @returns as `endLeaf`. */
  takeKept(): readonly Partial[] {
    const finished: Partial[] = [];
    while (this.#kept[0]?.node.lo === this.#leaf) {
      finished.push(...this.#take(defined(this.#kept.shift(), "a kept node")));
    }
    return finished;
  }

  /** @returns the covering node that this node completes, if it does. */
  #take(node: Partial): readonly Partial[] {
    let top = node;
    this.#leaf = node.node.hi;
    const target = defined(this.#covering[this.#finished.length], "a covering node");
    for (;;) {
      if (isSame(top.node, target)) {
        this.#finished.push(top);
        return [top];
      }
      const left = this.#stack.at(-1);
      const union = { lo: left?.node.lo ?? -1, hi: top.node.hi };
      // Two neighbouring nodes whose union is a node are its halves: nodes never overlap in part.
      if (left === undefined || !isNode(union, this.#numLeaves)) {
        this.#stack.push(top);
        return [];
      }
      this.#kernels.add(left.vector, top.vector);
      this.#free.push(top.vector);
      this.#stack.pop();
      top = { node: union, vector: left.vector };
    }
  }
}

/**
 * The buffers that folding `range` needs: one for each covering node, which stays, and those that the
 * carries under way and the next leaf take meanwhile. Each is a whole vector: this is most of a
 * worker's memory for gradients.
 */
export function numFoldBuffers(range: LeafRange, numLeaves: number): number {
  let most = 0;
  coveringNodes(range, numLeaves).forEach((node, numFinished) => {
    most = Math.max(most, numFinished + numCarryBuffers(node.hi - node.lo));
  });
  return most;
}

/** The most that `numFoldBuffers` gives for any range of `numLeaves` leaves, for memory set aside once. */
export function numFoldBuffersMax(numLeaves: number): number {
  const depthMin = 31 - Math.clz32(numLeaves);
  const depthMax = 32 - Math.clz32(numLeaves - 1);
  return Math.max(Math.min(numLeaves, 2), depthMin + depthMax - 1);
}

/** While the right half of a node is folded, the left half's sum waits: one buffer per level. */
function numCarryBuffers(numLeaves: number): number {
  if (numLeaves === 1) return 1;
  const numLeft = Math.ceil(numLeaves / 2);
  return Math.max(numCarryBuffers(numLeft), 1 + numCarryBuffers(numLeaves - numLeft));
}

function isSame(a: LeafRange, b: LeafRange): boolean {
  return a.lo === b.lo && a.hi === b.hi;
}
