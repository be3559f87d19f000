import { constantNumbers } from "../constants.ts";
import type { Graph, GraphNode, Value } from "../graph.ts";
import { sameShape } from "../graph.ts";
import { rewrite } from "../rewrite.ts";

/** Removes products with one and sums with zero, such as the product with the loss's own slope. */
export function simplifyArithmetic(graph: Graph): Graph {
  const numberOf = constantNumbers(graph);
  return rewrite(graph, (node) => {
    const kept = neutralTo(node, numberOf);
    const [result] = node.outputs;
    if (kept === undefined || result === undefined) return undefined;
    return sameShape(kept.shape, result.shape) ? { values: [kept] } : undefined;
  });
}

/** The operand that the result equals. */
function neutralTo(
  { operation, inputs }: GraphNode,
  numberOf: (value: Value) => number | undefined,
): Value | undefined {
  const [a, b] = inputs;
  if (operation.type !== "binary" || a === undefined || b === undefined) return undefined;
  switch (operation.function) {
    case "multiply":
      if (numberOf(b) === 1) return a;
      return numberOf(a) === 1 ? b : undefined;
    case "divide":
      return numberOf(b) === 1 ? a : undefined;
    case "add":
      if (numberOf(b) === 0) return a;
      return numberOf(a) === 0 ? b : undefined;
    case "subtract":
      return numberOf(b) === 0 ? a : undefined;
    default:
      return undefined;
  }
}
