import { assert } from "../base/assert.ts";
import type { LeafRange, Moment } from "../protocol/messages.ts";
import type { ElementType } from "../protocol/tensor-frame.ts";
import { type Chunk, chunksOf } from "./chunks.ts";
import { coveringNodes, halvesOf } from "./reduction-tree.ts";

/** One who takes part in an exchange. */
export interface Participant {
  /** The worker's id; `COORDINATOR_ID` for the coordinator in a star. */
  readonly id: number;
  /** The nodes whose partials this participant contributes; none for a pure owner. */
  readonly nodes: readonly LeafRange[];
}

/** Who contributes which partials to one step's sum, and who completes which chunk. */
export interface ExchangePlan extends Moment {
  readonly numLeaves: number;
  /** Floats of the exchanged vector: numParams + 1. */
  readonly vectorLength: number;
  /** Their nodes together are all leaves, each once. */
  readonly participants: readonly Participant[];
  /** Ids of the participants who complete chunks; `Chunk.owner` is an index into this. */
  readonly owners: readonly number[];
  readonly wire: ElementType;
  /** Covers the vector from left to right. */
  readonly chunks: readonly Chunk[];
}

/** The coordinator's id as a participant of a star; workers are numbered from 0. */
export const COORDINATOR_ID = -1;

/** What both kinds of exchange are planned from. */
export interface PlanRequest extends Moment {
  readonly numLeaves: number;
  readonly vectorLength: number;
  /** The number format of partials and sums. */
  readonly wire: ElementType;
  /** Members in the order of `form`, with their ranges of `assign`. */
  readonly members: readonly { readonly id: number; readonly range: LeafRange }[];
}

/** Every worker owns an equal part of the chunks, and all are linked to all. */
export function planMesh(request: PlanRequest): ExchangePlan {
  return plan(
    request,
    request.members.map((member) => member.id),
  );
}

/** The coordinator owns every chunk; workers are linked to it alone. */
export function planStar(request: PlanRequest): ExchangePlan {
  return plan(request, [COORDINATOR_ID]);
}

/**
 * Floats of scratch that an owner needs to complete its chunks: one chunk per level of the tree at
 * which a right half must be summed while the left half's sum waits. With a bf16 wire at least one
 * chunk, on every participant, to pack in.
 */
export function scratchLengthOf({ chunks, numLeaves, wire }: ExchangePlan): number {
  const chunkLengthMax = Math.max(...chunks.map((chunk) => chunk.length));
  return chunkLengthMax * Math.max(depthOf(numLeaves), wire === "f32" ? 0 : 1);
}

/** Levels below the root: 0 for a single leaf. */
function depthOf(numLeaves: number): number {
  return 32 - Math.clz32(numLeaves - 1);
}

function plan(request: PlanRequest, owners: readonly number[]): ExchangePlan {
  const { generation, step, numLeaves, vectorLength, wire, members } = request;
  const contributors = members.map(({ id, range }) => ({
    id,
    nodes: coveringNodes(range, numLeaves),
  }));
  const pureOwners = owners.filter((owner) => members.every((member) => member.id !== owner));
  const participants = [...contributors, ...pureOwners.map((id) => ({ id, nodes: [] }))];
  assertWhole({ lo: 0, hi: numLeaves }, new Set(participants.flatMap(nodeNames)));
  return {
    ...{ generation, step, numLeaves, vectorLength, wire, participants, owners },
    chunks: chunksOf(vectorLength, owners.length, wire),
  };
}

const nodeNames = (participant: Participant) => participant.nodes.map(nameOf);

/** A node's key in maps, and how messages show it. */
export function nameOf({ lo, hi }: LeafRange): string {
  return `[${lo}, ${hi})`;
}

function assertWhole(node: LeafRange, names: ReadonlySet<string>): void {
  if (names.has(nameOf(node))) return;
  assert(node.hi - node.lo > 1, `leaf ${node.lo} belongs to nobody`);
  for (const half of halvesOf(node)) assertWhole(half, names);
}
