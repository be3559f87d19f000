import type { Graph, GraphNode, Value } from "../graph.ts";
import { sameShape } from "../graph.ts";
import type { MatMul } from "../operation.ts";
import { countUses, rewrite } from "../rewrite.ts";

/**
 * Makes one operation of a matrix product and what is added to it: a linear layer's bias, or the
 * other contributions to a gradient.
 */
export function fuseAddends(graph: Graph): Graph {
  const uses = countUses(graph);
  return rewrite(graph, (node, { producerOf }) => {
    if (node.operation.type !== "binary" || node.operation.function !== "add") return undefined;
    const [a, b] = node.inputs;
    const [sum] = node.outputs;
    if (a === undefined || b === undefined || sum === undefined) return undefined;
    for (const [product, addend] of [
      [b, a],
      [a, b],
    ] as const) {
      const source = producerOf(product);
      if (source === undefined || uses.get(product) !== 1 || !takesAddend(sum, addend)) continue;
      const { operation } = source;
      if (operation.type !== "matMul" || !isOfMatrices(source)) continue;
      return { nodes: [affine(source, operation, addend, sum)] };
    }
    return undefined;
  });
}

function isOfMatrices(product: GraphNode): boolean {
  return product.inputs.every(({ shape }) => shape.length === 2);
}

function takesAddend(sum: Value, { shape }: Value): boolean {
  if (sum.shape.length !== 2) return false;
  return sameShape(shape, sum.shape) || (shape.length === 1 && shape[0] === sum.shape[1]);
}

function affine(product: GraphNode, operation: MatMul, addend: Value, sum: Value): GraphNode {
  const { transposeA, transposeB, scale } = operation;
  return {
    operation: { type: "affine", transposeA, transposeB, scale },
    inputs: [...product.inputs, addend],
    outputs: [sum],
  };
}
