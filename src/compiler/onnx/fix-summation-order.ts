import { defined } from "../../base/assert.ts";
import { type Graph, type GraphNode, newValue, type Value } from "../graph.ts";
import { rewrite } from "../rewrite.ts";

/**
 * Threads that may share one product without a change in the order of its sums.
 *
 * Where a processor has cores of two kinds ONNX Runtime cuts a product into four times as many
 * slices, so `MAX_SLICES` is four times as large.
 */
export const MAX_THREADS = 8;
const MAX_SLICES = 4 * MAX_THREADS;

/** MLAS adds up to this many terms in a row before it adds the partial sum to the result. */
const INNER_BLOCK = 128;
/** Below this width of a slice, MLAS makes the blocks of terms longer. */
const NARROW_SLICE = 64;

/**
 * Makes the bits of every matrix product independent of the number of threads that share it.
 *
 * MLAS (ONNX Runtime 1.30) cuts the larger dimension of a result into one slice per thread, and how
 * it groups the terms of a sum depends on a slice's width: up to 64 columns it takes longer blocks, and
 * a single row takes another routine. Only products of a transposed left operand have one
 * order always. So where slices can become narrow the left operand, the smaller one then, is transposed
 * beforehand. Measured for 1 to 32 threads; products of at most 128 terms have one block in any case.
 */
export function fixSummationOrder(graph: Graph): Graph {
  return rewrite(graph, (node) => {
    const { operation } = node;
    if (operation.type !== "matMul" && operation.type !== "affine") return undefined;
    if (operation.transposeA || !dependsOnSlices(node)) return undefined;
    const left = defined(node.inputs[0], "left operand");
    const rank = left.shape.length;
    const permutation = left.shape.map((_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));
    const turned = newValue(permutation.map((axis) => left.shape[axis] ?? 1));
    return {
      nodes: [
        { operation: { type: "transpose", permutation }, inputs: [left], outputs: [turned] },
        {
          ...node,
          operation: { ...operation, transposeA: true },
          inputs: node.inputs.with(0, turned),
        },
      ],
    };
  });
}

function dependsOnSlices({ inputs, outputs }: GraphNode): boolean {
  const numTerms = lastOf(inputs[0]);
  if (numTerms <= INNER_BLOCK) return false;
  const numRows = defined(outputs[0]?.shape.at(-2), "rows");
  const numColumns = lastOf(outputs[0]);
  // One row alone is never cut across its terms.
  if (numRows === 1) return false;
  if (numColumns > numRows) return numColumns <= NARROW_SLICE * MAX_SLICES;
  return numRows < 2 * MAX_SLICES;
}

function lastOf(value: Value | undefined): number {
  return defined(value?.shape.at(-1), "columns");
}
