import type { Graph } from "./graph.ts";
import { avoidOneHots } from "./passes/avoid-one-hots.ts";
import { fuseAddends } from "./passes/fuse-addends.ts";
import { fuseScales } from "./passes/fuse-scales.ts";
import { removeCopies } from "./passes/remove-copies.ts";
import { removeDeadCode } from "./passes/remove-dead-code.ts";
import { shareEqualNodes } from "./passes/share-equal-nodes.ts";
import { simplifyArithmetic } from "./passes/simplify-arithmetic.ts";
import { type RowSum, splitRowSums } from "./passes/split-row-sums.ts";

/** A program as it is to be executed. */
export interface OptimizedProgram {
  readonly graph: Graph;
  /** Outputs that the caller puts together from rows. */
  readonly rowSums: readonly RowSum[];
}

/** Applies all passes, in the order in which they build on one another. */
export function optimize(traced: Graph): OptimizedProgram {
  const clean = apply(traced, [removeCopies, simplifyArithmetic, shareEqualNodes, removeCopies]);
  const { graph, rowSums } = splitRowSums(clean);
  const fused = apply(graph, [avoidOneHots, fuseScales, removeDeadCode, fuseAddends]);
  return { graph: removeDeadCode(fused), rowSums };
}

function apply(graph: Graph, passes: readonly ((graph: Graph) => Graph)[]): Graph {
  return passes.reduce((current, pass) => pass(current), graph);
}
