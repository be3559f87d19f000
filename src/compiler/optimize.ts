import { ALL_PASSES, applyPasses, type WithoutPasses } from "./apply-passes.ts";
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

/** Applies all passes that make a graph faster in ONNX Runtime, in the order in which they build on one another. */
export function optimize(traced: Graph, without: WithoutPasses = ALL_PASSES): OptimizedProgram {
  const cleaning = [removeCopies, simplifyArithmetic, shareEqualNodes, removeCopies];
  const clean = applyPasses(traced, cleaning, without);
  const { graph, rowSums } = without.has(splitRowSums.name)
    ? { graph: clean, rowSums: [] }
    : splitRowSums(clean);
  const fusing = [avoidOneHots, fuseScales, removeDeadCode, fuseAddends, removeDeadCode];
  return { graph: applyPasses(graph, fusing, without), rowSums };
}
