import { defined } from "../../base/assert.ts";
import type { GraphNode } from "../graph.ts";
import { ANY, numElements } from "../graph.ts";
import { type Lowerings, lower, type OperationOf } from "../lowerings.ts";
import type { BinaryFunction, UnaryFunction } from "../operation.ts";
import type { ModelBuilder } from "./model-builder.ts";
import { ONNX_TYPE, type OnnxAttribute } from "./protobuf.ts";

/** Adds the ONNX operators that compute one node. */
export function lowerNode(builder: ModelBuilder, node: GraphNode): void {
  const site = {
    builder,
    node,
    inputs: node.inputs.map((input) => builder.nameOf(input)),
    outputs: node.outputs.map((output) => builder.nameOf(output)),
    shape: defined(node.outputs[0], "output").shape,
  };
  lower(LOWERINGS, node.operation, site);
}

/** One node under translation, with the names of its values. */
interface Site {
  readonly builder: ModelBuilder;
  readonly node: GraphNode;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Of the first output. */
  readonly shape: readonly number[];
}

const LOWERINGS: Lowerings<Site> = {
  identity: (site) => direct(site, "Identity"),
  reshape: ({ builder, inputs, outputs, shape }) =>
    builder.add("Reshape", [...inputs, builder.int64(shape)], outputs),
  cast: (site) => direct(site, "Cast", { to: { int: ONNX_TYPE[outputType(site)] } }),
  unary: lowerUnary,
  binary: (site, operation) => direct(site, BINARY[operation.function]),
  select: (site) => direct(site, "Where"),
  reduce: ({ builder, inputs, outputs }, operation) =>
    builder.add(
      REDUCTION[operation.function],
      [...inputs, builder.int64(operation.axes)],
      outputs,
      { keepdims: flag(operation.keepDimensions) },
    ),
  transpose: (site, { permutation }) => direct(site, "Transpose", { perm: { ints: permutation } }),
  matMul: lowerMatMul,
  affine: (site, { transposeA, transposeB, scale }) =>
    direct(site, "Gemm", {
      transA: flag(transposeA),
      transB: flag(transposeB),
      alpha: { float: scale },
    }),
  softmax: (site) => direct(site, "Softmax", { axis: { int: -1 } }),
  gather: (site, { axis }) => direct(site, "Gather", { axis: { int: axis } }),
  segmentSum: lowerSegmentSum,
  oneHot: lowerOneHot,
  addAtIndex: lowerAddAtIndex,
  slice: lowerSlice,
  concat: (site, { axis }) => direct(site, "Concat", { axis: { int: axis } }),
  pad: ({ builder, inputs, outputs }, { before, after, fill }) =>
    builder.add(
      "Pad",
      [...inputs, builder.int64([...before, ...after]), builder.float(fill)],
      outputs,
    ),
  tile: ({ builder, inputs, outputs }, { repeats }) =>
    builder.add("Tile", [...inputs, builder.int64(repeats)], outputs),
};

const BINARY: Readonly<Record<BinaryFunction, string>> = {
  add: "Add",
  subtract: "Sub",
  multiply: "Mul",
  divide: "Div",
  power: "Pow",
  maximum: "Max",
  minimum: "Min",
  less: "Less",
  lessEqual: "LessOrEqual",
  greater: "Greater",
  greaterEqual: "GreaterOrEqual",
  equal: "Equal",
  logicalAnd: "And",
};

const UNARY: Readonly<Record<Exclude<UnaryFunction, "square" | "reciprocalSqrt">, string>> = {
  abs: "Abs",
  cos: "Cos",
  erf: "Erf",
  exp: "Exp",
  log: "Log",
  negate: "Neg",
  reciprocal: "Reciprocal",
  sin: "Sin",
  sqrt: "Sqrt",
  tanh: "Tanh",
  logicalNot: "Not",
};

const REDUCTION = { sum: "ReduceSum", mean: "ReduceMean", max: "ReduceMax" } as const;

/** One operator of the same inputs and outputs. */
function direct(
  { builder, inputs, outputs }: Site,
  operator: string,
  attributes: Readonly<Record<string, OnnxAttribute>> = {},
): void {
  builder.add(operator, inputs, outputs, attributes);
}

function flag(value: boolean): OnnxAttribute {
  return { int: value ? 1 : 0 };
}

function outputType({ node }: Site): "float32" | "int32" | "bool" {
  return defined(node.outputs[0], "output").dataType;
}

function lowerUnary(site: Site, operation: OperationOf<"unary">): void {
  const { builder, inputs, outputs } = site;
  if (operation.function === "square") {
    builder.add("Mul", [...inputs, ...inputs], outputs);
  } else if (operation.function === "reciprocalSqrt") {
    const root = builder.temporary();
    builder.add("Sqrt", inputs, [root]);
    builder.add("Reciprocal", [root], outputs);
  } else {
    direct(site, UNARY[operation.function]);
  }
}

/** Gemm is for matrices; for stacks of them ONNX has no transposition, ONNX Runtime has. */
function lowerMatMul(site: Site, { transposeA, transposeB, scale }: OperationOf<"matMul">): void {
  const { builder, node, inputs, outputs } = site;
  const attributes = {
    transA: flag(transposeA),
    transB: flag(transposeB),
    alpha: { float: scale },
  };
  const areMatrices = node.inputs.every((input) => input.shape.length === 2);
  if (areMatrices) builder.add("Gemm", inputs, outputs, attributes);
  else if (!transposeA && !transposeB && scale === 1) builder.add("MatMul", inputs, outputs);
  else builder.addMicrosoft("FusedMatMul", inputs, outputs, attributes);
}

function lowerOneHot(site: Site, { depth, offValue, onValue }: OperationOf<"oneHot">): void {
  const { builder, inputs, outputs } = site;
  const wide = builder.temporary();
  builder.add("Cast", inputs, [wide], { to: { int: ONNX_TYPE.int64 } });
  const values = builder.floats([offValue, onValue]);
  builder.add("OneHot", [wide, builder.int64(depth), values], outputs);
}

/** Every index is of another row, so no two additions meet, whatever their order. */
function lowerAddAtIndex(site: Site, { amount }: OperationOf<"addAtIndex">): void {
  const { builder, inputs, outputs, shape } = site;
  const [x = "", indices = ""] = inputs;
  const numRows = defined(shape[0], "rows");
  const column = builder.temporary();
  builder.add("Reshape", [indices, builder.int64([numRows, 1])], [column]);
  const amounts = builder.filled(amount, [numRows, 1]);
  builder.add("ScatterElements", [x, column, amounts], outputs, {
    axis: { int: 1 },
    reduction: { text: "add" },
  });
}

/** An end beyond every tensor, which `Slice` takes for the end. */
const TO_THE_END = 2 ** 31 - 1;

function lowerSlice(site: Site, { begin }: OperationOf<"slice">): void {
  const { builder, inputs, outputs, shape } = site;
  const ends = begin.map((start, i) => (shape[i] === ANY ? TO_THE_END : start + (shape[i] ?? 0)));
  const axes = shape.map((_, i) => i);
  const bounds = [begin, ends, axes].map((numbers) => builder.int64(numbers));
  builder.add("Slice", [...inputs, ...bounds], outputs);
}

/**
 * As a product with one-hot rows, onehot(ids)ᵀ · x: ONNX Runtime's ScatterND adds in an order that
 * depends on its threads. An embedding's gradient does not come here (see `splitRowSums`).
 */
function lowerSegmentSum(site: Site, { numSegments }: OperationOf<"segmentSum">): void {
  const { builder, node, inputs, outputs, shape } = site;
  const [x = "", ids = ""] = inputs;
  const width = numElements(shape) / numSegments;
  const numRows = defined(node.inputs[0]?.shape[0], "rows");
  const [vector, wide, hot] = [builder.temporary(), builder.temporary(), builder.temporary()];
  const [rows, sums] = [builder.temporary(), builder.temporary()];
  builder.add("Reshape", [ids, builder.int64([numRows])], [vector]);
  builder.add("Cast", [vector], [wide], { to: { int: ONNX_TYPE.int64 } });
  builder.add("OneHot", [wide, builder.int64(numSegments), builder.floats([0, 1])], [hot]);
  builder.add("Reshape", [x, builder.int64([numRows, width])], [rows]);
  builder.add("Gemm", [hot, rows], [sums], { transA: flag(true) });
  builder.add("Reshape", [sums, builder.int64(shape)], outputs);
}
