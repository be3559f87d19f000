import { assert, defined } from "../base/assert.ts";
import type { LeafRange } from "../protocol/messages.ts";
import type { TensorFrame } from "../protocol/tensor-frame.ts";
import type { Chunk } from "./chunks.ts";
import { type ExchangePlan, nameOf } from "./exchange-plan.ts";
import { writePayload } from "./payload.ts";
import { halvesOf } from "./reduction-tree.ts";
import type { VectorKernels } from "./vector-kernels.ts";

/** What completing a chunk needs besides what was received. */
export interface CompletingMeans {
  /** This participant's partials by node name, whole vectors; only read. */
  readonly ownPartials: ReadonlyMap<string, Float32Array>;
  readonly scratch: Float32Array;
  readonly kernels: VectorKernels;
}

/** One chunk on its way to its sum. */
export class ChunkSum {
  readonly chunk: Chunk;
  readonly ownerId: number;
  /** For messages: "chunk 2/5", counted from 1. */
  readonly name: string;
  readonly #numLeaves: number;
  readonly #numNodes: number;
  /** What others sent: in its frame, or in the destination already. */
  readonly #received = new Map<string, TensorFrame | "in place">();
  #state: "gathering" | "finished" = "gathering";

  constructor(plan: ExchangePlan, chunk: Chunk, index: number) {
    this.chunk = chunk;
    this.ownerId = defined(plan.owners[chunk.owner], "the chunk's owner");
    this.name = `chunk ${index + 1}/${plan.chunks.length}`;
    this.#numLeaves = plan.numLeaves;
    this.#numNodes = plan.participants.reduce((sum, { nodes }) => sum + nodes.length, 0);
  }

  /** Keeps a node's slice until the chunk is whole. @returns false when it came before. */
  receive(node: string, frame: TensorFrame): boolean {
    if (this.isFinished || this.#received.has(node)) return false;
    this.#received.set(node, frame);
    return true;
  }

  /**
   * Puts the slice of the only node that is not ours where the sum will be, out of the link's memory.
   * Nothing is written there before the node is added: our own nodes are whole subtrees, so that
   * every sum in the tree has this node below it.
   *
   * @returns false, with nothing written, when it came before.
   */
  receiveInPlace(node: string, frame: TensorFrame, { destination, kernels }: Place): boolean {
    if (!this.receive(node, frame)) return false;
    writePayload(destination, frame, kernels);
    this.#received.set(node, "in place");
    return true;
  }

  /** Whether the sum is here, completed by us or by the owner. */
  get isFinished(): boolean {
    return this.#state === "finished";
  }

  finish(): void {
    this.#state = "finished";
  }

  hasReceived(node: string): boolean {
    return this.#received.has(node);
  }

  /** Whether all nodes are here, of which `numOwn` are ours, and nobody has summed them yet. */
  isWhole(numOwn: number): boolean {
    return !this.isFinished && this.#received.size + numOwn === this.#numNodes;
  }

  /** Sums all nodes in tree order into `destination`, f32[chunk.length], and forgets what was received. */
  completeInto(destination: Float32Array, means: CompletingMeans): void {
    assert(this.isWhole(means.ownPartials.size), `${this.name} is not whole`);
    const root = { lo: 0, hi: this.#numLeaves };
    const room = { whole: destination, destination, scratch: means.scratch, means };
    const sum = this.#sumOf(root, room);
    if (sum !== destination) destination.set(sum);
    this.#received.clear();
  }

  /** The sum of `node`: a slice of ours as it is, or in `destination`; right halves go to `scratch`. */
  #sumOf(node: LeafRange, room: Room): Float32Array {
    const own = this.#ownSlice(node, room.means);
    if (own !== undefined) return own;
    const received = this.#received.get(nameOf(node));
    if (received === "in place") return room.whole;
    if (received !== undefined) {
      writePayload(room.destination, received, room.means.kernels);
      return room.destination;
    }
    assert(node.hi - node.lo > 1, `nobody sent leaf ${node.lo}`);
    const [left, right] = halvesOf(node);
    const leftSum = this.#sumOf(left, room);
    const { length } = this.chunk;
    const rightSum = this.#sumOf(right, {
      ...room,
      destination: room.scratch.subarray(0, length),
      scratch: room.scratch.subarray(length),
    });
    room.means.kernels.addInto(room.destination, leftSum, rightSum);
    return room.destination;
  }

  #ownSlice(node: LeafRange, { ownPartials }: CompletingMeans): Float32Array | undefined {
    const { offset, length } = this.chunk;
    return ownPartials.get(nameOf(node))?.subarray(offset, offset + length);
  }
}

/** Where a slice belongs. */
export interface Place {
  /** f32[chunk.length], where `kernels` work. */
  readonly destination: Float32Array;
  readonly kernels: VectorKernels;
}

interface Room {
  /** f32[chunk.length], where the whole chunk's sum goes. */
  readonly whole: Float32Array;
  /** f32[chunk.length]. */
  readonly destination: Float32Array;
  /** One chunk for each level of the tree below. */
  readonly scratch: Float32Array;
  readonly means: CompletingMeans;
}
