import * as ort from "onnxruntime-node";
import { expect, test } from "vitest";
import { digestOf } from "../../../src/base/digest.ts";
import { seededRandom } from "../../../src/base/random.ts";
import { type Graph, newValue } from "../../../src/compiler/graph.ts";
import { emitOnnx } from "../../../src/compiler/onnx/emit-onnx.ts";
import { fixSummationOrder } from "../../../src/compiler/onnx/fix-summation-order.ts";
import { expectSameNumbers, operationsOf } from "../same-numbers.ts";

/** Rows, columns, terms of products whose bits change with the threads if they are left as they are. */
const PRODUCTS = [
  // Columns are cut, and slices become narrow with two threads, or with eight.
  [65, 128, 768],
  [64, 256, 512],
  [3, 512, 512],
  [16, 48, 4096],
  [8, 64, 1000],
  // Rows are cut, and some thread gets a single one.
  [30, 30, 3000],
] as const;

test.each(PRODUCTS)(
  "gives %i x %i sums of %i terms the same bits with any number of threads",
  async (...size) => {
    const graph = productOf(...size);
    const digests = new Set<string>();
    for (const numThreads of [1, 2, 3, 4, 8, 16, 32])
      digests.add(await digestWith(graph, numThreads));
    expect(digests.size).toBe(1);
    await expectSameNumbers(graph, fixSummationOrder(graph));
  },
);

test.each([
  ["few terms are one block anyway", [64, 256, 128]],
  ["more rows than columns are cut by rows", [768, 384, 384]],
  ["one row is never cut across its terms", [1, 512, 512]],
  ["slices stay wide", [1024, 4096, 256]],
] as const)("leaves a product as it is: %s", (_, [numRows, numColumns, numTerms]) => {
  expect(operationsOf(fixSummationOrder(productOf(numRows, numColumns, numTerms)))).toEqual([
    "matMul",
  ]);
});

function productOf(numRows: number, numColumns: number, numTerms: number): Graph {
  const [a, b] = [newValue([numRows, numTerms]), newValue([numTerms, numColumns])];
  const product = newValue([numRows, numColumns]);
  const operation = { type: "matMul", transposeA: false, transposeB: false, scale: 1 } as const;
  return {
    inputs: [
      { name: "a", value: a },
      { name: "b", value: b },
    ],
    constants: [],
    nodes: [{ operation, inputs: [a, b], outputs: [product] }],
    outputs: [{ name: "product", value: product }],
  };
}

async function digestWith(graph: Graph, numThreads: number): Promise<string> {
  const session = await ort.InferenceSession.create(emitOnnx(graph), {
    intraOpNumThreads: numThreads,
    graphOptimizationLevel: "disabled",
    logSeverityLevel: 3,
    // Far more threads than cores here: waiting ones must not spin.
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  });
  const random = seededRandom(1);
  const feeds = Object.fromEntries(
    graph.inputs.map(({ name, value: { shape } }) => {
      const numbers = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, random.normal);
      return [name, new ort.Tensor("float32", numbers, shape)];
    }),
  );
  const { product } = await session.run(feeds);
  await session.release();
  return digestOf(product?.data as Float32Array);
}
