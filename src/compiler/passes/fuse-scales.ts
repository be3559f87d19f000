import { constantNumbers } from "../constants.ts";
import type { Graph, GraphNode, Value } from "../graph.ts";
import { sameShape } from "../graph.ts";
import type { MatMul } from "../operation.ts";
import { countUses, type Rewritten, rewrite } from "../rewrite.ts";

/** Lets a matrix product do the multiplication of its operands, or of its result, by a number. */
export function fuseScales(graph: Graph): Graph {
  const numberOf = constantNumbers(graph);
  const uses = countUses(graph);
  return rewrite(graph, (node, { producerOf }) => {
    if (node.operation.type === "matMul") {
      return { nodes: [withScaledInputs(node, node.operation, producerOf, numberOf)] };
    }
    const scaled = scaling(node, numberOf);
    const product = scaled && uses.get(scaled.x) === 1 ? producerOf(scaled.x) : undefined;
    if (scaled === undefined || product?.operation.type !== "matMul") return undefined;
    const operation = { ...product.operation, scale: product.operation.scale * scaled.factor };
    return { nodes: [{ ...product, operation, outputs: node.outputs }] };
  });
}

function withScaledInputs(
  node: GraphNode,
  operation: MatMul,
  producerOf: Rewritten["producerOf"],
  numberOf: (value: Value) => number | undefined,
): GraphNode {
  let { scale } = operation;
  const inputs = node.inputs.map((input) => {
    const producer = producerOf(input);
    const scaled = producer && scaling(producer, numberOf);
    scale *= scaled?.factor ?? 1;
    return scaled?.x ?? input;
  });
  return { ...node, operation: { ...operation, scale }, inputs };
}

/** What a node multiplies by which number, if that is all it does. */
function scaling(
  { operation, inputs, outputs }: GraphNode,
  numberOf: (value: Value) => number | undefined,
): { readonly x: Value; readonly factor: number } | undefined {
  if (operation.type !== "binary" || operation.function !== "multiply") return undefined;
  const [a, b] = inputs;
  const [result] = outputs;
  if (a === undefined || b === undefined || result === undefined) return undefined;
  for (const [x, constant] of [
    [a, b],
    [b, a],
  ] as const) {
    const factor = numberOf(constant);
    if (factor !== undefined && sameShape(x.shape, result.shape)) return { x, factor };
  }
  return undefined;
}
