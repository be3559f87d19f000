import { assignLeaves } from "../../src/collective/assign-leaves.ts";
import { Exchange } from "../../src/collective/exchange.ts";
import {
  COORDINATOR_ID,
  type ExchangePlan,
  planMesh,
  planStar,
  scratchLengthOf,
} from "../../src/collective/exchange-plan.ts";
import { LeafFold, numFoldBuffers } from "../../src/collective/leaf-fold.ts";
import type { VectorKernels } from "../../src/collective/vector-kernels.ts";
import type { Link } from "../../src/protocol/link.ts";
import type { LeafRange } from "../../src/protocol/messages.ts";
import type { ElementType } from "../../src/protocol/tensor-frame.ts";
import { plainKernels } from "./plain-kernels.ts";

export type Topology = "mesh" | "star";

/** A fleet that sums vectors, one per leaf. */
export interface FleetOptions {
  readonly topology: Topology;
  readonly numWorkers: number;
  readonly numLeaves: number;
  readonly vectorLength: number;
  /** A link between two participants, each end under its id. */
  connect(a: number, b: number): Promise<ReadonlyMap<number, Link>>;
  readonly kernels?: VectorKernels;
  /** Default f32. */
  readonly wire?: ElementType;
  /** As an exchange takes it. */
  readonly defer?: (action: () => void) => void;
}

/** One participant of a fleet. */
export interface Member {
  readonly id: number;
  readonly range: LeafRange;
  readonly exchange: Exchange;
  readonly sum: Float32Array;
}

const MOMENT = { generation: 3, step: 7 };

/** What the fleet's exchange is planned as. */
export function planOf(options: Omit<FleetOptions, "connect">): ExchangePlan {
  const ranges = assignLeaves(options.numLeaves, options.numWorkers);
  const members = ranges.map((range, id) => ({ id, range }));
  const request = { ...MOMENT, wire: "f32" as const, ...options, members };
  return options.topology === "mesh" ? planMesh(request) : planStar(request);
}

/** Links the fleet and gives every participant an exchange that hears its links. */
export async function makeFleet(options: FleetOptions): Promise<readonly Member[]> {
  const plan = planOf(options);
  const ids = plan.participants.map(({ id }) => id);
  const links = new Map(ids.map((id) => [id, new Map<number, Link>()]));
  for (const [a, b] of pairsOf(ids, options.topology)) {
    const ends = await options.connect(a, b);
    for (const [id, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const link = ends.get(id);
      if (link !== undefined) links.get(id)?.set(other, link);
    }
  }
  const ranges = assignLeaves(options.numLeaves, options.numWorkers);
  return ids.map((id) => {
    const ownLinks = links.get(id) ?? new Map<number, Link>();
    const sum = new Float32Array(options.vectorLength).fill(Number.NaN);
    const exchange = new Exchange({
      ...{ plan, selfId: id, links: ownLinks, sum },
      scratch: new Float32Array(scratchLengthOf(plan)),
      kernels: options.kernels ?? plainKernels,
      ...(options.defer === undefined ? {} : { defer: options.defer }),
    });
    for (const [other, link] of ownLinks) {
      link.listen({
        onMessage: () => undefined,
        onTensor: (frame) => exchange.receive(other, frame),
        onClose: () => undefined,
      });
    }
    return { id, sum, exchange, range: ranges[id] ?? { lo: 0, hi: 0 } };
  });
}

/**
 * Folds a member's leaves and contributes each partial as it is complete.
 *
 * @param between called with what is left to do after each leaf; must do it once.
 */
export function compute(
  member: Member,
  leaves: readonly Float32Array[],
  between: (rest: () => void) => void = (rest) => rest(),
): void {
  const { range, exchange } = member;
  const numBuffers = numFoldBuffers(range, leaves.length);
  const { vectorLength } = exchange.plan;
  const buffers = Array.from({ length: numBuffers }, () => new Float32Array(vectorLength));
  const fold = new LeafFold({ range, numLeaves: leaves.length, buffers, kernels: plainKernels });
  function nextLeaf(): void {
    if (fold.nextLeaf === undefined) return;
    fold.nextBuffer().set(leaves[fold.nextLeaf] ?? []);
    for (const { node, vector } of fold.endLeaf()) exchange.addPartial(node, vector);
    between(nextLeaf);
  }
  between(nextLeaf);
}

function pairsOf(
  ids: readonly number[],
  topology: Topology,
): readonly (readonly [number, number])[] {
  if (topology === "star") {
    return ids.filter((id) => id !== COORDINATOR_ID).map((id) => [COORDINATOR_ID, id] as const);
  }
  return ids.flatMap((a, i) => ids.slice(i + 1).map((b) => [a, b] as const));
}
