import { assert, defined } from "../../base/assert.ts";
import { type Constant, type Graph, type GraphNode, newValue, type Value } from "../graph.ts";
import type { MatMul } from "../operation.ts";
import { rewrite } from "../rewrite.ts";

/**
 * Makes every product of stacks of matrices a plain one, by transpositions and a multiplication of
 * their own: ONNX Runtime's fused product has no kernel for WebGPU. Products of two matrices stay, for
 * Gemm has all of it everywhere.
 */
export function plainProducts(graph: Graph): Graph {
  const factors = new Map<number, Constant>();
  const rewritten = rewrite(graph, (node) => {
    const { operation } = node;
    if (operation.type !== "matMul") return undefined;
    const isGemm = node.inputs.every(({ shape }) => shape.length === 2);
    return isGemm ? undefined : { nodes: unfused(node, operation, factors) };
  });
  return { ...rewritten, constants: [...rewritten.constants, ...factors.values()] };
}

function unfused(node: GraphNode, operation: MatMul, factors: Map<number, Constant>): GraphNode[] {
  const nodes: GraphNode[] = [];
  const turned = (value: Value): Value => {
    const made = transposed(value);
    nodes.push(made);
    return defined(made.outputs[0], "transposed");
  };
  const [a, b] = node.inputs;
  const [result] = node.outputs;
  assert(a !== undefined && b !== undefined && result !== undefined, "a product of two");
  const inputs = [
    operation.transposeA ? turned(a) : a,
    operation.transposeB ? turned(b) : b,
  ] as const;
  const plain = { ...operation, transposeA: false, transposeB: false, scale: 1 };
  if (operation.scale === 1) return [...nodes, { operation: plain, inputs, outputs: [result] }];
  const product = newValue(result.shape);
  return [
    ...nodes,
    { operation: plain, inputs, outputs: [product] },
    {
      operation: { type: "binary", function: "multiply" },
      inputs: [product, factorOf(operation.scale, factors).value],
      outputs: [result],
    },
  ];
}

/** A node that exchanges the last two dimensions. */
function transposed(value: Value): GraphNode {
  const rank = value.shape.length;
  const permutation = value.shape.map((_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));
  const result = newValue(permutation.map((axis) => value.shape[axis] ?? 1));
  return { operation: { type: "transpose", permutation }, inputs: [value], outputs: [result] };
}

function factorOf(scale: number, factors: Map<number, Constant>): Constant {
  const factor = factors.get(scale) ?? { value: newValue([]), data: Float32Array.of(scale) };
  factors.set(scale, factor);
  return factor;
}
