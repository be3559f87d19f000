import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, test } from "vitest";
import { type InputDeclaration, trace } from "../../src/compiler/tracing/trace.ts";
import { registerGradients } from "../../src/model/gradients.ts";
import { type Numbers, runGraph, someInputs } from "./run-graph.ts";
import { expectClose, operationsOf } from "./same-numbers.ts";

// Otherwise tfjs prints an advertisement on first use.
tf.enableProdMode();

type Program = Parameters<typeof trace>[1];

const X: InputDeclaration = { name: "x", shape: [2, 3, 4], dataType: "float32" };
const Y: InputDeclaration = { name: "y", shape: [3, 1], dataType: "float32" };
const A: InputDeclaration = { name: "a", shape: [3, 4], dataType: "float32" };
const IDS: InputDeclaration = { name: "ids", shape: [3], dataType: "int32" };

/** One row for each tfjs kernel that a traced program may use. */
const KERNELS: readonly (readonly [string, (t: Record<string, tf.Tensor>) => tf.Tensor])[] = [
  ["abs", ({ x }) => tf.abs(of(x))],
  ["add, which broadcasts", ({ x, y }) => tf.add(of(x), of(y))],
  ["cast from a predicate", ({ x, y }) => tf.cast(tf.greater(of(x), of(y)), "float32")],
  ["concat", ({ x }) => tf.concat([of(x), tf.neg(of(x))], 1)],
  ["cos", ({ x }) => tf.cos(of(x))],
  ["div", ({ x, y }) => tf.div(of(x), of(y))],
  ["erf", ({ x }) => tf.erf(of(x))],
  ["exp", ({ x }) => tf.exp(of(x))],
  ["expandDims, from the end", ({ x }) => tf.expandDims(of(x), -2)],
  ["gather of rows", ({ a, ids }) => tf.gather(of(a), of(ids) as tf.Tensor1D)],
  ["gather along the last axis", ({ x, ids }) => tf.gather(of(x), of(ids) as tf.Tensor1D, 2)],
  ["log", ({ x }) => tf.log(tf.add(tf.abs(of(x)), 1))],
  ["matMul", ({ a }) => tf.matMul(of(a), tf.transpose(of(a)))],
  ["matMul, transposed", ({ a }) => tf.matMul(of(a), of(a), true, false)],
  ["matMul, stacked", ({ x }) => tf.matMul(of(x), of(x), false, true)],
  ["matMul, stacked, the other way", ({ x }) => tf.matMul(of(x), of(x), true, false)],
  ["max", ({ x }) => tf.max(of(x), 1)],
  ["max of all", ({ x }) => tf.max(of(x))],
  ["maximum", ({ x, y }) => tf.maximum(of(x), of(y))],
  ["mean", ({ x }) => tf.mean(of(x), -1, true)],
  ["minimum", ({ x, y }) => tf.minimum(of(x), of(y))],
  ["mul", ({ x, y }) => tf.mul(of(x), of(y))],
  ["neg", ({ x }) => tf.neg(of(x))],
  ["oneHot", ({ ids }) => tf.oneHot(of(ids) as tf.Tensor1D, 4, 2, -1, "float32")],
  [
    "pad",
    ({ a }) =>
      tf.pad(
        of(a),
        [
          [1, 0],
          [0, 2],
        ],
        7,
      ),
  ],
  ["pow", ({ x }) => tf.pow(tf.abs(of(x)), 1.5)],
  ["reciprocal", ({ x }) => tf.reciprocal(of(x))],
  ["reshape with an inferred size", ({ x }) => tf.reshape(of(x), [-1, 6])],
  ["rsqrt", ({ x }) => tf.rsqrt(tf.add(tf.abs(of(x)), 1))],
  [
    "scatterND of rows, some of them twice",
    ({ a, ids }) => tf.scatterND(tf.expandDims(of(ids), 1), of(a), [5, 4]),
  ],
  ["sin", ({ x }) => tf.sin(of(x))],
  ["slice", ({ x }) => tf.slice(of(x), [1, 0, 1], [1, -1, 2])],
  ["softmax", ({ x }) => tf.softmax(of(x))],
  [
    "split into unequal parts",
    ({ x }) => tf.add(...(tf.split(of(x), [1, 2, 1], 2).toSpliced(1, 1) as [tf.Tensor, tf.Tensor])),
  ],
  [
    "split into equal parts",
    ({ x }) => tf.sub(...(tf.split(of(x), 2, 0) as [tf.Tensor, tf.Tensor])),
  ],
  ["sqrt", ({ x }) => tf.sqrt(tf.abs(of(x)))],
  ["square", ({ x }) => tf.square(of(x))],
  ["sub", ({ x, y }) => tf.sub(of(x), of(y))],
  ["sum over several axes", ({ x }) => tf.sum(of(x), [0, 2])],
  ["sum of all", ({ x }) => tf.sum(of(x))],
  ["tanh", ({ x }) => tf.tanh(of(x))],
  ["tile", ({ a }) => tf.tile(of(a), [2, 1])],
  ["transpose", ({ x }) => tf.transpose(of(x), [2, 0, 1])],
  ["unsortedSegmentSum", ({ a, ids }) => tf.unsortedSegmentSum(of(a), of(ids) as tf.Tensor1D, 5)],
  ["where", ({ x, y }) => tf.where(tf.lessEqual(of(x), of(y)), of(x), tf.neg(of(x)))],
];

describe("a traced program", () => {
  test.each(KERNELS)("computes what tfjs computes: %s", async (_, compute) => {
    const declared = [X, Y, A, IDS];
    const program: Program = (tensors) => ({ result: compute(tensors) });
    const graph = trace(declared, program);
    const inputs = someInputs(graph);
    expectClose(await runGraph(graph, inputs), await runEagerly(declared, program, inputs));
  });

  test("includes the backward pass that tfjs makes", async () => {
    registerGradients();
    const program: Program = ({ a, y }) => {
      const product = (...own: tf.Tensor[]) =>
        tf.matMul(tf.mul(of(own[0]), 3), of(own[1]), false, true);
      const slope = tf.matMul(of(y), of(y), false, true); // [3, 3]
      return { gradient: of(tf.grads(product)([of(a), tf.mul(of(a), of(y))], slope)[1]) };
    };
    const graph = trace([A, Y], program);
    const inputs = someInputs(graph);
    expectClose(await runGraph(graph, inputs), await runEagerly([A, Y], program, inputs));
  });

  test("keeps the numbers that it makes itself as constants", () => {
    const graph = trace([A], ({ a }) => ({ sum: tf.add(of(a), tf.tensor1d([1, 2, 3, 4])) }));
    expect(graph.constants.map(({ data }) => [...data])).toEqual([[1, 2, 3, 4]]);
    expect(operationsOf(graph)).toEqual(["binary add"]);
  });

  test("leaves tfjs with the backend that it had, even when the program fails", async () => {
    await tf.setBackend("cpu");
    expect(() =>
      trace([A], () => {
        throw new RangeError("of the program");
      }),
    ).toThrow("of the program");
    expect(tf.getBackend()).toBe("cpu");
    expect(tf.add(1, 2).dataSync()[0]).toBe(3);
  });

  test("cannot read the value of what it has not computed", () => {
    expect(() =>
      trace([A], ({ a }) => ({ sum: tf.scalar(tf.sum(of(a)).dataSync()[0] ?? 0) })),
    ).toThrow("read the value of a computed tensor");
  });
});

async function runEagerly(
  declared: readonly InputDeclaration[],
  program: Program,
  inputs: Numbers,
): Promise<Numbers> {
  await tf.setBackend("cpu");
  const tensors = Object.fromEntries(
    declared.map(({ name, shape, dataType }) => [
      name,
      tf.tensor([...(inputs[name] ?? [])], [...shape], dataType),
    ]),
  );
  return Object.fromEntries(
    Object.entries(program(tensors)).map(([name, tensor]) => [name, [...tensor.dataSync()]]),
  );
}

function of(tensor: tf.Tensor | undefined): tf.Tensor {
  expect(tensor).toBeDefined();
  return tensor as tf.Tensor;
}
