import { assert, defined } from "../base/assert.ts";
import type { LeafRange } from "../protocol/messages.ts";
import { coveringNodes, isNode } from "./reduction-tree.ts";
import type { VectorKernels } from "./vector-kernels.ts";

/** A node's gradient sum, complete. */
export interface Partial {
  readonly node: LeafRange;
  /** f32[vectorLength], one of the fold's buffers; unchanged until the next `LeafFold` takes the buffers. */
  readonly vector: Float32Array;
}

/**
 * Folds the gradients of a range of leaves into the tree's partials, leaf by leaf from the left, like
 * carries in a binary counter.
 *
 * Write each leaf's gradient into `nextBuffer()`, then call `endLeaf()`. The partials of the covering
 * nodes are reported as they finish, and their buffers stay as they are. One fold serves one range
 * in one step. The bits of a partial depend on its leaves and on the tree alone.
 */
export class LeafFold {
  readonly #numLeaves: number;
  readonly #kernels: VectorKernels;
  readonly #free: Float32Array[];
  readonly #covering: readonly LeafRange[];
  #numFinished = 0;
  #leaf: number;
  #stack: { readonly node: LeafRange; readonly vector: Float32Array }[] = [];
  #next: Float32Array | undefined;

  /** @param options.buffers at least `numFoldBuffers(range, numLeaves)`, of equal length. */
  constructor(options: {
    readonly range: LeafRange;
    readonly numLeaves: number;
    readonly buffers: readonly Float32Array[];
    readonly kernels: VectorKernels;
  }) {
    const { range, numLeaves, buffers } = options;
    const numBuffers = numFoldBuffers(range, numLeaves);
    assert(buffers.length >= numBuffers, `${numBuffers} buffers needed, ${buffers.length} given`);
    this.#numLeaves = numLeaves;
    this.#kernels = options.kernels;
    this.#free = [...buffers].reverse();
    this.#covering = coveringNodes(range, numLeaves);
    this.#leaf = range.lo;
  }

  /** The leaf whose gradient is due next; undefined when all are done. */
  get nextLeaf(): number | undefined {
    return this.#numFinished < this.#covering.length ? this.#leaf : undefined;
  }

  /** The buffer for the gradient of `nextLeaf`, f32[vectorLength], with old content: overwrite all of it. */
  nextBuffer(): Float32Array {
    assert(this.nextLeaf !== undefined, "all leaves of the range are done");
    this.#next ??= defined(this.#free.pop(), "a free buffer");
    return this.#next;
  }

  /**
   * Takes the gradient in `nextBuffer()` as that of `nextLeaf`.
   *
   * @returns the covering node that this leaf completed, if it did.
   */
  endLeaf(): Partial | undefined {
    let top = { node: { lo: this.#leaf, hi: this.#leaf + 1 }, vector: this.nextBuffer() };
    this.#next = undefined;
    this.#leaf++;
    const target = defined(this.#covering[this.#numFinished], "a covering node");
    for (;;) {
      if (isSame(top.node, target)) {
        this.#numFinished++;
        return top;
      }
      const left = this.#stack.at(-1);
      const union = { lo: left?.node.lo ?? -1, hi: top.node.hi };
      // Two neighbouring nodes whose union is a node are its halves: nodes never overlap in part.
      if (left === undefined || !isNode(union, this.#numLeaves)) {
        this.#stack.push(top);
        return undefined;
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
