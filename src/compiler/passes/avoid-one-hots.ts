import type { Graph, GraphNode, Value } from "../graph.ts";
import { sameShape } from "../graph.ts";
import { rewrite } from "../rewrite.ts";

/**
 * Subtracts one-hot rows where they are one, without making them: the gradient of a cross entropy
 * changes one number per row, and a matrix of the vocabulary's width per token is large.
 */
export function avoidOneHots(graph: Graph): Graph {
  return rewrite(graph, (node, { producerOf }) => {
    if (node.operation.type !== "binary" || node.operation.function !== "subtract")
      return undefined;
    const [x, hot] = node.inputs;
    const source = hot && producerOf(hot);
    const indices = source && indicesOf(source);
    if (x === undefined || hot === undefined || indices === undefined) return undefined;
    if (!sameShape(x.shape, hot.shape)) return undefined;
    const operation = { type: "addAtIndex", amount: -1 } as const;
    return { nodes: [{ operation, inputs: [x, indices], outputs: node.outputs }] };
  });
}

/** What a matrix of zeros with a one in each row was made of. */
function indicesOf({ operation, inputs }: GraphNode): Value | undefined {
  if (operation.type !== "oneHot" || operation.onValue !== 1 || operation.offValue !== 0) {
    return undefined;
  }
  const [indices] = inputs;
  return indices?.shape.length === 1 ? indices : undefined;
}
