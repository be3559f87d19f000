import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, test } from "vitest";
import type { Graph } from "../../../src/compiler/graph.ts";
import { avoidOneHots } from "../../../src/compiler/passes/avoid-one-hots.ts";
import { fuseAddends } from "../../../src/compiler/passes/fuse-addends.ts";
import { fuseScales } from "../../../src/compiler/passes/fuse-scales.ts";
import { emitTensorflow } from "../../../src/compiler/tensorflow/emit-tensorflow.ts";
import { type InputDeclaration, trace } from "../../../src/compiler/tracing/trace.ts";
import { describeWithTensorflow } from "../../with-tensorflow.ts";
import { runGraph, someInputs } from "../run-graph.ts";
import { expectClose } from "../same-numbers.ts";
import { fieldsOf, readNodes } from "./read-nodes.ts";
import { runInTensorflow } from "./run-in-tensorflow.ts";

const INPUTS: readonly InputDeclaration[] = [
  { name: "x", shape: [3, 4], dataType: "float32" },
  { name: "y", shape: [3, 4], dataType: "float32" },
  { name: "row", shape: [4], dataType: "float32" },
  { name: "stack", shape: [2, 3, 4], dataType: "float32" },
  { name: "ids", shape: [3], dataType: "int32" },
];

interface Given {
  readonly x: tf.Tensor2D;
  readonly y: tf.Tensor2D;
  readonly row: tf.Tensor1D;
  readonly stack: tf.Tensor3D;
  readonly ids: tf.Tensor1D;
}

function traced(program: (given: Given) => tf.Tensor): Graph {
  return trace(INPUTS, (given) => ({ out: program(given as unknown as Given) }));
}

const PROGRAMS: readonly (readonly [string, (given: Given) => tf.Tensor])[] = [
  ["functions of one argument", ({ x }) => tf.erf(tf.tanh(tf.exp(tf.neg(tf.square(x)))))],
  ["functions that need positive numbers", ({ x }) => tf.log(tf.rsqrt(tf.add(tf.abs(x), 1)))],
  ["sine, cosine, roots and reciprocals", ({ x }) => tf.sin(tf.sqrt(tf.abs(tf.cos(x))))],
  ["arithmetic that broadcasts", ({ x, y, row }) => tf.div(tf.sub(tf.mul(x, row), y), 3)],
  ["extremes", ({ x, y }) => tf.maximum(tf.minimum(x, y), 0)],
  ["a choice", ({ x, y }) => tf.where(tf.greater(x, y), x, tf.neg(y))],
  [
    "logic",
    ({ x, y }) => tf.cast(tf.logicalNot(tf.logicalAnd(tf.less(x, 0), tf.less(y, 0))), "float32"),
  ],
  ["a sum that keeps its dimension", ({ x }) => tf.sum(x, 1, true)],
  ["a mean over the first dimension", ({ x }) => tf.mean(x, 0)],
  ["the largest of all", ({ x }) => tf.max(x)],
  ["a transpose", ({ stack }) => tf.transpose(stack, [2, 0, 1])],
  ["a product", ({ x, y }) => tf.matMul(x, y, false, true)],
  ["a product of the transposed left", ({ x, y }) => tf.matMul(x, y, true, false)],
  ["products of stacks", ({ stack }) => tf.matMul(stack, stack, false, true)],
  ["softmax", ({ x }) => tf.softmax(x)],
  ["a gather of rows", ({ x, ids }) => tf.gather(x, ids)],
  ["sums by row", ({ x, ids }) => tf.scatterND(tf.expandDims(ids, 1), x, [5, 4])],
  ["one-hots", ({ ids }) => tf.oneHot(ids, 5, 2, -1, "float32")],
  ["a slice", ({ stack }) => tf.slice(stack, [1, 0, 1], [1, 2, 3])],
  ["pieces put together", ({ x, y }) => tf.concat([x, y, x], 1)],
  [
    "padding",
    ({ x }) =>
      tf.pad(
        x,
        [
          [1, 0],
          [0, 2],
        ],
        7,
      ),
  ],
  ["repetition", ({ x }) => tf.tile(x, [2, 3])],
  ["casts", ({ ids, x }) => tf.add(tf.cast(ids, "float32"), tf.sum(x))],
];

/** Moves of f32[4, 4] that leave its last dimension for a product. */
const MOVED_PRODUCTS: readonly (readonly [string, (x: tf.Tensor2D) => tf.Tensor2D])[] = [
  ["a product", (x) => x],
  ["a transpose", (x) => tf.transpose(x)],
  ["a slice", (x) => tf.slice(x, [1, 0], [2, 4])],
  ["another shape", (x) => tf.reshape(tf.reshape(x, [2, 2, 4]), [4, 4])],
  ["pieces put together", (x) => tf.concat([x, tf.slice(x, [0, 0], [1, 4])])],
];

const isCast = (operator: string) => operator === "Cast";

describe("emitTensorflow", () => {
  test("writes one graph under the tag serve", () => {
    const { savedModel } = emitTensorflow(
      traced(({ x }) => x),
      { precision: "f32", variables: [] },
    );
    const [metaGraph = new Uint8Array()] = fieldsOf(savedModel, 2);
    const [info = new Uint8Array()] = fieldsOf(metaGraph, 1);
    const [tag = new Uint8Array()] = fieldsOf(info, 4);
    expect(Buffer.from(tag).toString()).toBe("serve");
  });

  test("casts to bf16 around products alone, and each operand once", () => {
    const graph = traced(({ x, y }) =>
      tf.add(tf.exp(tf.matMul(x, y, false, true)), tf.matMul(x, x, false, true)),
    );
    const { savedModel } = emitTensorflow(graph, { precision: "bf16", variables: [] });
    const operators = operatorsOf(savedModel).filter((operator) => operator !== "Placeholder");
    // x and y down, both products up.
    expect(operators.filter((operator) => operator === "Cast")).toHaveLength(4);
    const inF32 = operatorsOf(
      emitTensorflow(graph, { precision: "f32", variables: [] }).savedModel,
    );
    expect(inF32).not.toContain("Cast");
  });
});

describeWithTensorflow("what emitTensorflow writes", () => {
  test.each(MOVED_PRODUCTS)(
    "gives %s to a product as it is in bf16, with the same bits",
    (_, move) => {
      const product = ({ x, y }: Given) => tf.matMul<tf.Tensor2D>(x, y, true);
      const straight = traced((given) => tf.matMul(move(product(given)), given.x, false, true));
      // What negates twice is no move, so that its result is cast.
      const cast = traced((given) =>
        tf.matMul(move(tf.neg<tf.Tensor2D>(tf.neg(product(given)))), given.x, false, true),
      );
      const options = { precision: "bf16", variables: [] } as const;
      const operators = operatorsOf(emitTensorflow(straight, options).savedModel);
      // x and y down, both products up: that of the first is for nobody, and left out when it runs.
      expect(operators.filter(isCast)).toHaveLength(4);
      expect(operatorsOf(emitTensorflow(cast, options).savedModel).filter(isCast)).toHaveLength(5);
      const inputs = someInputs(straight);
      expect(runInTensorflow(straight, inputs, options)).toEqual(
        runInTensorflow(cast, inputs, options),
      );
    },
  );

  test.each(PROGRAMS)("computes %s as ONNX Runtime does", async (_, program) => {
    const graph = traced(program);
    const inputs = someInputs(graph);
    expectClose(runInTensorflow(graph, inputs), await runGraph(graph, inputs));
  });

  test.each([
    [
      "a bias",
      fuseAddends,
      ({ x, y, row }: Given) => tf.add(tf.matMul(x, tf.transpose(y)), tf.slice(row, [0], [3])),
    ],
    [
      "an addend of the same shape",
      fuseAddends,
      ({ x, y }: Given) => tf.add(tf.matMul(x, y, true), tf.matMul(y, x, true)),
    ],
    [
      "a scale",
      fuseScales,
      ({ x, y }: Given) => tf.mul(tf.matMul(x, tf.mul(y, 3), false, true), 0.5),
    ],
    [
      "a subtracted one-hot",
      avoidOneHots,
      ({ x, ids }: Given) => tf.sub(x, tf.oneHot(ids, 4, 1, 0, "float32")),
    ],
  ] as const)("computes %s, once fused, as ONNX Runtime does before", async (_, pass, program) => {
    const graph = traced(program);
    const inputs = someInputs(graph);
    const fused = pass(graph);
    expect(fused.nodes.map(({ operation }) => operation)).not.toEqual(
      graph.nodes.map(({ operation }) => operation),
    );
    expectClose(runInTensorflow(fused, inputs), await runGraph(graph, inputs));
  });

  test("keeps a variable from one run to the next, whatever becomes of the numbers it was given", () => {
    const graph = traced(({ x, y }) => tf.add(x, y));
    const inputs = someInputs(graph);
    const options = { precision: "f32", variables: ["x"] } as const;
    expectClose(runInTensorflow(graph, inputs, options), runInTensorflow(graph, inputs));
  });
});

function operatorsOf(savedModel: Uint8Array): readonly string[] {
  return readNodes(savedModel).map(({ operator }) => operator);
}
