import type { Graph, GraphNode, Value } from "../graph.ts";
import { sameShape } from "../graph.ts";
import type { Replacement } from "../rewrite.ts";
import { rewrite } from "../rewrite.ts";

/**
 * Removes what only passes numbers on: identities, casts to the same type, reshapes and transposes
 * that change nothing, products by one; and makes one reshape of several.
 */
export function removeCopies(graph: Graph): Graph {
  return rewrite(graph, (node, { producerOf }) => {
    const [x] = node.inputs;
    const [y] = node.outputs;
    if (x === undefined || y === undefined) return undefined;
    if (isCopy(node, x, y)) return { values: [x] };
    const source = producerOf(x);
    if (node.operation.type !== "reshape" || source?.operation.type !== "reshape") return undefined;
    return skipReshape(node, source, y);
  });
}

function isCopy({ operation }: GraphNode, x: Value, y: Value): boolean {
  switch (operation.type) {
    case "identity":
      return true;
    case "cast":
      return x.dataType === y.dataType;
    case "reshape":
    case "slice":
    case "tile":
      return sameShape(x.shape, y.shape);
    case "transpose":
      return operation.permutation.every((axis, i) => axis === i);
    default:
      return false;
  }
}

function skipReshape(node: GraphNode, source: GraphNode, y: Value): Replacement | undefined {
  const [origin] = source.inputs;
  if (origin === undefined) return undefined;
  if (sameShape(origin.shape, y.shape)) return { values: [origin] };
  return { nodes: [{ ...node, inputs: [origin] }] };
}
