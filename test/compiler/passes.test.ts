import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, test } from "vitest";
import type { Graph } from "../../src/compiler/graph.ts";
import { avoidOneHots } from "../../src/compiler/passes/avoid-one-hots.ts";
import { flattenParameters, joinOutputs } from "../../src/compiler/passes/flat-parameters.ts";
import { fuseAddends } from "../../src/compiler/passes/fuse-addends.ts";
import { fuseScales } from "../../src/compiler/passes/fuse-scales.ts";
import { removeCopies } from "../../src/compiler/passes/remove-copies.ts";
import { removeDeadCode } from "../../src/compiler/passes/remove-dead-code.ts";
import { shareEqualNodes } from "../../src/compiler/passes/share-equal-nodes.ts";
import { simplifyArithmetic } from "../../src/compiler/passes/simplify-arithmetic.ts";
import { splitRowSums } from "../../src/compiler/passes/split-row-sums.ts";
import { trace } from "../../src/compiler/tracing/trace.ts";
import { runGraph, someInputs } from "./run-graph.ts";
import { expectSameNumbers, operationsOf } from "./same-numbers.ts";

interface Given {
  readonly x: tf.Tensor2D;
  readonly y: tf.Tensor2D;
  readonly row: tf.Tensor1D;
  readonly ids: tf.Tensor1D;
}

/** A pass, what it is given, and which operations (without dead ones) must be left. */
interface Case {
  readonly name: string;
  readonly pass: (graph: Graph) => Graph;
  readonly program: (given: Given) => tf.Tensor;
  readonly leaves: readonly string[];
}

const CASES: readonly Case[] = [
  {
    name: "removeCopies removes a reshape there and back",
    pass: removeCopies,
    program: ({ x }) => tf.exp(tf.reshape(tf.reshape(x, [12]), [3, 4])),
    leaves: ["unary exp"],
  },
  {
    name: "removeCopies makes one reshape of two",
    pass: removeCopies,
    program: ({ x }) => tf.exp(tf.reshape(tf.reshape(x, [2, 6]), [12])),
    leaves: ["reshape", "unary exp"],
  },
  {
    name: "removeCopies removes clones, casts to the same type, and slices of everything",
    pass: removeCopies,
    program: ({ x }) => tf.exp(tf.slice(tf.cast(tf.clone(x), "float32"), [0, 0], [3, 4])),
    leaves: ["unary exp"],
  },
  {
    name: "removeCopies keeps a transpose that moves numbers",
    pass: removeCopies,
    program: ({ x }) => tf.transpose(tf.transpose(x), [0, 1]),
    leaves: ["transpose"],
  },
  {
    name: "removeDeadCode removes what no output needs",
    pass: removeDeadCode,
    program: ({ x, y }) => {
      tf.exp(tf.add(x, y));
      return tf.log(tf.abs(x));
    },
    leaves: ["unary abs", "unary log"],
  },
  {
    name: "shareEqualNodes computes equal things once, constants included",
    pass: shareEqualNodes,
    program: ({ x }) => tf.sub(tf.exp(tf.mul(x, 2)), tf.square(tf.exp(tf.mul(x, 2)))),
    leaves: ["binary multiply", "unary exp", "unary square", "binary subtract"],
  },
  {
    name: "shareEqualNodes keeps apart what differs in an attribute alone",
    pass: shareEqualNodes,
    program: ({ x }) => tf.add(tf.sum(x, 1, true), tf.mean(x, 1, true)),
    leaves: ["reduce sum", "reduce mean", "binary add"],
  },
  {
    name: "simplifyArithmetic removes products with one and sums with zero",
    pass: simplifyArithmetic,
    program: ({ x }) => tf.exp(tf.div(tf.sub(tf.add(tf.mul(1, x), 0), 0), 1)),
    leaves: ["unary exp"],
  },
  {
    name: "simplifyArithmetic keeps a product with one that also broadcasts",
    pass: simplifyArithmetic,
    program: ({ row }) => tf.mul(row, tf.ones([3, 4])),
    leaves: ["binary multiply"],
  },
  {
    name: "fuseAddends gives a product its bias",
    pass: fuseAddends,
    program: ({ x, y, row }) => tf.add(tf.matMul(tf.square(x), y, true, false), row),
    leaves: ["unary square", "affine"],
  },
  {
    name: "fuseAddends adds one product to another",
    pass: fuseAddends,
    program: ({ x, y }) => tf.add(tf.matMul(x, y, true, false), tf.matMul(y, x, true, false)),
    leaves: ["matMul", "affine"],
  },
  {
    name: "fuseAddends leaves a product that is needed bare as well",
    pass: fuseAddends,
    program: ({ x, y, row }) => {
      const product = tf.matMul(x, y, true, false);
      return tf.mul(product, tf.add(product, row));
    },
    leaves: ["matMul", "binary add", "binary multiply"],
  },
  {
    name: "fuseAddends leaves a column, which Gemm would add along the wrong dimension",
    pass: fuseAddends,
    program: ({ x, y }) =>
      tf.add(tf.matMul(x, y, true, false), tf.reshape(tf.slice(y, [0, 0], [1, 4]), [4, 1])),
    leaves: ["matMul", "slice", "reshape", "binary add"],
  },
  {
    name: "fuseScales moves factors before and behind a product into it",
    pass: fuseScales,
    program: ({ x, y }) => tf.mul(0.5, tf.matMul(tf.mul(x, 3), tf.mul(y, -7), false, true)),
    leaves: ["matMul"],
  },
  {
    name: "fuseScales leaves a product that is needed bare as well",
    pass: fuseScales,
    program: ({ x, y }) => {
      const product = tf.matMul(x, y, false, true);
      return tf.sub(product, tf.mul(product, 0.25));
    },
    leaves: ["matMul", "binary multiply", "binary subtract"],
  },
  {
    name: "avoidOneHots subtracts one-hot rows without making them",
    pass: avoidOneHots,
    program: ({ x, ids }) => tf.sub(tf.exp(x), tf.oneHot(ids, 4, 1, 0, "float32")),
    leaves: ["unary exp", "addAtIndex"],
  },
  {
    name: "avoidOneHots leaves rows of other numbers",
    pass: avoidOneHots,
    program: ({ x, ids }) => tf.sub(x, tf.oneHot(ids, 4, 1, 0.5, "float32")),
    leaves: ["oneHot", "binary subtract"],
  },
];

describe("a pass keeps the numbers", () => {
  test.each(CASES)("$name", async ({ pass, program, leaves }) => {
    const before = traceGiven(program);
    const after = pass(before);
    expect(operationsOf(removeDeadCode(after))).toEqual(leaves);
    await expectSameNumbers(before, after);
  });
});

test("splitRowSums leaves the rows of an embedding's gradient to the caller, with their ids", async () => {
  const before = traceGiven(({ x, ids }) =>
    tf.scatterND(tf.expandDims(tf.reshape(ids, [3]), 1), tf.exp(x), [7, 4]),
  );
  const { graph, rowSums } = splitRowSums(before);
  expect(operationsOf(removeDeadCode(graph))).toEqual(["unary exp"]);
  expect(rowSums).toEqual([
    { name: "result", rows: "rows of result", numRows: 7, ids: { type: "input", name: "ids" } },
  ]);
  const inputs = someInputs(before);
  const { "rows of result": rows = [] } = await runGraph(graph, inputs);
  const sums = Array.from({ length: 7 * 4 }, () => 0);
  for (const [row, id] of (inputs.ids ?? []).entries()) {
    for (let i = 0; i < 4; i++)
      sums[id * 4 + i] = (sums[id * 4 + i] ?? 0) + (rows[row * 4 + i] ?? 0);
  }
  const { result = [] } = await runGraph(before, inputs);
  for (const [i, number] of result.entries()) expect(sums[i]).toBeCloseTo(number, 5);
});

test("splitRowSums keeps sums whose ids are computed", () => {
  const before = traceGiven(({ x, ids }) =>
    tf.scatterND(tf.expandDims(tf.add(ids, tf.scalar(1, "int32")), 1), x, [7, 4]),
  );
  expect(splitRowSums(before).rowSums).toEqual([]);
});

test("flattenParameters takes inputs from one vector, at their places, and leaves the others", async () => {
  // Not in the order of the inputs.
  const places = [
    { name: "y", offset: 0, length: 12, shape: [3, 4], decays: true },
    { name: "x", offset: 12, length: 12, shape: [3, 4], decays: true },
  ];
  const graph = traceGiven(({ x, y, row }) => tf.add(tf.exp(x), tf.mul(y, row)));
  const flat = flattenParameters(graph, places, "vector");
  expect(flat.inputs.map(({ name }) => name)).toEqual(["vector", "row", "ids"]);
  const inputs = someInputs(graph);
  const vector = [...(inputs.y ?? []), ...(inputs.x ?? [])];
  expect(await runGraph(flat, { ...inputs, vector })).toEqual(await runGraph(graph, inputs));
});

describe("joinOutputs", () => {
  const graph = trace([{ name: "x", shape: [3, 4], dataType: "float32" }], ({ x }) => {
    const given = x as tf.Tensor2D;
    return { a: tf.exp(given), b: tf.sum(given), c: tf.neg(tf.slice(given, [0, 0], [1, 3])) };
  });

  test("joins outputs in the order given, whatever their shapes, and leaves the others", async () => {
    const joined = joinOutputs(graph, ["c", "a"], "both");
    expect(joined.outputs.map(({ name, value }) => [name, value.shape])).toEqual([
      ["both", [15]],
      ["b", []],
    ]);
    const inputs = someInputs(graph);
    const { a = [], b, c = [] } = await runGraph(graph, inputs);
    expect(await runGraph(joined, inputs)).toEqual({ both: [...c, ...a], b });
  });

  // TensorFlow concatenates two tensors at least.
  test("makes a vector of a single output without putting it together", async () => {
    const joined = joinOutputs(graph, ["a"], "alone");
    expect(operationsOf(joined)).not.toContain("concat");
    const inputs = someInputs(graph);
    const { a, b, c } = await runGraph(graph, inputs);
    expect(await runGraph(joined, inputs)).toEqual({ alone: a, b, c });
  });
});

function traceGiven(program: (given: Given) => tf.Tensor): Graph {
  return trace(
    [
      { name: "x", shape: [3, 4], dataType: "float32" },
      { name: "y", shape: [3, 4], dataType: "float32" },
      { name: "row", shape: [4], dataType: "float32" },
      { name: "ids", shape: [3], dataType: "int32" },
    ],
    (tensors) => ({ result: program(tensors as unknown as Given) }),
  );
}
