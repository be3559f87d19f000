import { defined } from "../../base/assert.ts";
import type { DataType, GraphNode } from "../graph.ts";
import { numElements } from "../graph.ts";
import type { BinaryFunction, Operation, UnaryFunction } from "../operation.ts";
import type { GraphBuilder, TensorflowAttributes } from "./graph-builder.ts";

/** In which type matrices are multiplied; everything else is f32. */
export type MatrixPrecision = "f32" | "bf16";

/** Adds the TensorFlow operations that compute one node. */
export function lowerNode(
  builder: GraphBuilder,
  node: GraphNode,
  precision: MatrixPrecision,
): void {
  const output = defined(node.outputs[0], "output");
  const site: Site = {
    ...{ builder, node, precision },
    inputs: node.inputs.map((input) => builder.nameOf(input)),
    output: builder.nameOf(output),
    shape: output.shape,
    type: defined(node.inputs[0] ?? output, "input").dataType,
  };
  lower(node.operation, site);
}

/** One node under translation, with the names of its values. */
interface Site {
  readonly builder: GraphBuilder;
  readonly node: GraphNode;
  readonly precision: MatrixPrecision;
  readonly inputs: readonly string[];
  /** The first output, and its shape. */
  readonly output: string;
  readonly shape: readonly number[];
  /** Of the first input. */
  readonly type: DataType;
}

type OperationOf<T extends Operation["type"]> = Extract<Operation, { readonly type: T }>;

type Lowerings = {
  readonly [T in Operation["type"]]: (site: Site, operation: OperationOf<T>) => void;
};

function lower<T extends Operation["type"]>(operation: OperationOf<T>, site: Site): void {
  const lowering: (site: Site, operation: OperationOf<T>) => void = LOWERINGS[operation.type as T];
  lowering(site, operation);
}

const INDEX = { Tidx: { type: "int32" } } as const;

const LOWERINGS: Lowerings = {
  identity: (site) => direct(site, "Identity"),
  reshape: (site) => direct(site, "Reshape", [site.builder.int32(site.shape)], TSHAPE),
  cast({ builder, node, inputs, output, type }) {
    const to = defined(node.outputs[0], "output").dataType;
    builder.add("Cast", inputs, output, { SrcT: { type }, DstT: { type: to } });
  },
  unary: (site, operation) => direct(site, UNARY[operation.function]),
  binary: (site, operation) => direct(site, BINARY[operation.function]),
  select({ builder, node, inputs, output }) {
    const type = defined(node.inputs[1], "value").dataType;
    builder.add("SelectV2", inputs, output, { T: { type } });
  },
  reduce: (site, { function: name, axes, keepDimensions }) =>
    direct(site, REDUCTION[name], [site.builder.int32(axes)], {
      ...INDEX,
      keep_dims: { flag: keepDimensions },
    }),
  transpose: (site, { permutation }) =>
    direct(site, "Transpose", [site.builder.int32(permutation)], { Tperm: { type: "int32" } }),
  matMul: lowerMatMul,
  affine: lowerAffine,
  softmax: (site) => direct(site, "Softmax"),
  logSoftmax: (site) => direct(site, "LogSoftmax"),
  gather: ({ builder, inputs, output, type }, { axis }) =>
    builder.add("GatherV2", [...inputs, builder.int32(axis)], output, {
      Tparams: { type },
      Tindices: { type: "int32" },
      Taxis: { type: "int32" },
    }),
  segmentSum: lowerSegmentSum,
  oneHot: ({ builder, inputs, output }, { depth, onValue, offValue }) =>
    builder.add(
      "OneHot",
      [...inputs, builder.int32(depth), builder.float(onValue), builder.float(offValue)],
      output,
      { T: { type: "float32" }, TI: { type: "int32" }, axis: { int: -1 } },
    ),
  slice: (site, { begin }) =>
    direct(site, "Slice", [site.builder.int32(begin), site.builder.int32(site.shape)], {
      Index: { type: "int32" },
    }),
  concat: ({ builder, inputs, output, type }, { axis }) =>
    builder.add("ConcatV2", [...inputs, builder.int32(axis)], output, {
      ...INDEX,
      T: { type },
      N: { int: inputs.length },
    }),
  pad({ builder, inputs, output, type }, { before, after, fill }) {
    const pairs = before.flatMap((size, i) => [size, after[i] ?? 0]);
    const bytes = new Uint8Array(Int32Array.from(pairs).buffer);
    const paddings = builder.constant({ type: "int32", shape: [before.length, 2], bytes });
    const attributes = { T: { type }, Tpaddings: { type: "int32" } } as const;
    builder.add("PadV2", [...inputs, paddings, builder.float(fill)], output, attributes);
  },
  tile: (site, { repeats }) =>
    direct(site, "Tile", [site.builder.int32(repeats)], { Tmultiples: { type: "int32" } }),
  layerNorm: lowerLayerNorm,
  gelu: lowerGelu,
};

const TSHAPE = { Tshape: { type: "int32" } } as const;

const BINARY: Readonly<Record<BinaryFunction, string>> = {
  add: "AddV2",
  subtract: "Sub",
  multiply: "Mul",
  divide: "RealDiv",
  power: "Pow",
  maximum: "Maximum",
  minimum: "Minimum",
  less: "Less",
  lessEqual: "LessEqual",
  greater: "Greater",
  greaterEqual: "GreaterEqual",
  equal: "Equal",
  logicalAnd: "LogicalAnd",
};

const UNARY: Readonly<Record<UnaryFunction, string>> = {
  abs: "Abs",
  cos: "Cos",
  erf: "Erf",
  exp: "Exp",
  log: "Log",
  negate: "Neg",
  reciprocal: "Reciprocal",
  reciprocalSqrt: "Rsqrt",
  sin: "Sin",
  sqrt: "Sqrt",
  square: "Square",
  tanh: "Tanh",
  logicalNot: "LogicalNot",
};

const REDUCTION = { sum: "Sum", mean: "Mean", max: "Max" } as const;

/** Logical operations have one type, and no attribute that says it. */
const UNTYPED = new Set(["LogicalNot", "LogicalAnd"]);

/** One operation of the same inputs, with further ones behind them. */
function direct(
  { builder, inputs, output, type }: Site,
  operator: string,
  more: readonly string[] = [],
  attributes: TensorflowAttributes = {},
): void {
  const typed = UNTYPED.has(operator) ? {} : { T: { type } };
  builder.add(operator, [...inputs, ...more], output, { ...typed, ...attributes });
}

function lowerMatMul(site: Site, { transposeA, transposeB, scale }: OperationOf<"matMul">): void {
  const { builder, node, inputs, output } = site;
  const [a = "", b = ""] = inputs;
  const areMatrices = node.inputs.every((input) => input.shape.length === 2);
  const [operator, flagA, flagB] = areMatrices
    ? ["MatMul", "transpose_a", "transpose_b"]
    : ["BatchMatMulV2", "adj_x", "adj_y"];
  const flags = { [flagA]: { flag: transposeA }, [flagB]: { flag: transposeB } };
  const product = multiplied(site, operator, [a, b], flags, scale === 1 ? output : undefined);
  if (scale === 1) return;
  builder.add("Mul", [product, builder.float(scale)], output, FLOAT);
}

function lowerAffine(site: Site, { transposeA, transposeB }: OperationOf<"affine">): void {
  const { builder, inputs, output } = site;
  const [a = "", b = "", bias = ""] = inputs;
  const flags = { transpose_a: { flag: transposeA }, transpose_b: { flag: transposeB } };
  const product = multiplied(site, "MatMul", [a, b], flags);
  builder.add("BiasAdd", [product, bias], output, FLOAT);
}

const FLOAT = { T: { type: "float32" } } as const;

/** A product of matrices in the precision asked for, from f32 and to f32. */
function multiplied(
  { builder, precision }: Site,
  operator: string,
  operands: readonly string[],
  attributes: TensorflowAttributes,
  name?: string,
): string {
  const isShort = precision === "bf16";
  const given = isShort ? operands.map((x) => builder.cast(x, "float32", "bfloat16")) : operands;
  const typed = { T: { type: isShort ? "bfloat16" : "float32" }, ...attributes } as const;
  if (!isShort && name !== undefined) {
    builder.add(operator, given, name, typed);
    return name;
  }
  const product = builder.share(operator, given, typed);
  if (!isShort) return product;
  const widening = { SrcT: { type: "bfloat16" }, DstT: { type: "float32" } } as const;
  if (name === undefined) return builder.share("Cast", [product], widening);
  builder.add("Cast", [product], name, widening);
  return name;
}

function lowerSegmentSum(site: Site, { numSegments }: OperationOf<"segmentSum">): void {
  const { builder, node, inputs, output } = site;
  const [x = "", ids = ""] = inputs;
  const shape = builder.int32([numElements(defined(node.inputs[1], "ids").shape)]);
  const vector = builder.share("Reshape", [ids, shape], { T: { type: "int32" }, ...TSHAPE });
  builder.add("UnsortedSegmentSum", [x, vector, builder.int32(numSegments)], output, {
    T: { type: "float32" },
    Tindices: { type: "int32" },
    Tnumsegments: { type: "int32" },
  });
}

/** TensorFlow has no such operation: mean and variance, and the rest by element. */
function lowerLayerNorm(site: Site, { epsilon }: OperationOf<"layerNorm">): void {
  const { builder, node, inputs } = site;
  const [x = "", weight = "", bias = ""] = inputs;
  const [y, mean, inverse] = node.outputs.map((output) => builder.nameOf(output));
  const axis = builder.int32([defined(node.inputs[0], "x").shape.length - 1]);
  const average = (of: string, name: string) =>
    builder.add("Mean", [of, axis], name, { ...FLOAT, ...INDEX, keep_dims: { flag: true } });
  const [meanName, inverseName] = [mean ?? `${y}_mean`, inverse ?? `${y}_inverse`];
  average(x, meanName);
  const centered = builder.share("Sub", [x, meanName], FLOAT);
  average(builder.share("Square", [centered], FLOAT), `${y}_variance`);
  const above = builder.share("AddV2", [`${y}_variance`, builder.float(epsilon)], FLOAT);
  builder.add("Rsqrt", [above], inverseName, FLOAT);
  const normal = builder.share("Mul", [centered, inverseName], FLOAT);
  const weighted = builder.share("Mul", [normal, weight], FLOAT);
  builder.add("AddV2", [weighted, bias], y ?? "", FLOAT);
}

function lowerGelu({ builder, inputs, output }: Site): void {
  const [z = ""] = inputs;
  const scaled = builder.share("Mul", [z, builder.float(Math.SQRT1_2)], FLOAT);
  const erf = builder.share("Erf", [scaled], FLOAT);
  const above = builder.share("AddV2", [erf, builder.float(1)], FLOAT);
  const half = builder.share("Mul", [above, builder.float(0.5)], FLOAT);
  builder.add("Mul", [z, half], output, FLOAT);
}
