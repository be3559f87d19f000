import { expect, test } from "vitest";
import { type Graph, newValue } from "../../../src/compiler/graph.ts";
import { plainProducts } from "../../../src/compiler/onnx/plain-products.ts";
import { expectSameNumbers, operationsOf } from "../same-numbers.ts";

test.each([
  [false, false, 1, ["matMul"]],
  [true, false, 1, ["transpose", "matMul"]],
  [false, true, 0.25, ["transpose", "matMul", "binary multiply"]],
  [true, true, -3, ["transpose", "transpose", "matMul", "binary multiply"]],
] as const)("makes a product of stacks plain: %s, %s, times %d", async (...options) => {
  const [transposeA, transposeB, scale, expected] = options;
  const graph = productOf([2, 3], { transposeA, transposeB, scale });
  const plain = plainProducts(graph);
  expect(operationsOf(plain)).toEqual(expected);
  await expectSameNumbers(graph, plain);
});

test("leaves a product of two matrices as it is: Gemm transposes and scales", () => {
  const graph = productOf([], { transposeA: true, transposeB: true, scale: 2 });
  expect(operationsOf(plainProducts(graph))).toEqual(["matMul"]);
});

/** Stacks of 4 x 5 times 5 x 6. */
function productOf(
  stack: readonly number[],
  options: { transposeA: boolean; transposeB: boolean; scale: number },
): Graph {
  const a = newValue([...stack, ...(options.transposeA ? [5, 4] : [4, 5])]);
  const b = newValue([...stack, ...(options.transposeB ? [6, 5] : [5, 6])]);
  const product = newValue([...stack, 4, 6]);
  return {
    inputs: [
      { name: "a", value: a },
      { name: "b", value: b },
    ],
    constants: [],
    nodes: [{ operation: { type: "matMul", ...options }, inputs: [a, b], outputs: [product] }],
    outputs: [{ name: "product", value: product }],
  };
}
