import { defined } from "../../base/assert.ts";
import type { DataType, GraphNode } from "../graph.ts";
import { numElements } from "../graph.ts";
import { type Lowerings, lower, type OperationOf } from "../lowerings.ts";
import type { BinaryFunction, UnaryFunction } from "../operation.ts";
import type { GraphBuilder, TensorflowAttributes } from "./graph-builder.ts";
import type { TensorflowAttribute } from "./protobuf.ts";

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
  lower(LOWERINGS, node.operation, site);
  moveNarrow(site);
}

/** Operations that move numbers, and change none. */
const MOVES: ReadonlySet<string> = new Set(["reshape", "transpose", "slice", "concat"]);

/**
 * Moves what was widened from bf16 in bf16 as well, for a product to take without a cast to f32 and back: the
 * same bits in half the memory. TensorFlow leaves out whichever of the two nobody uses.
 */
function moveNarrow(site: Site): void {
  const { builder, node, inputs, output } = site;
  if (!MOVES.has(node.operation.type)) return;
  const narrow = inputs.flatMap((input) => builder.narrowOf(input) ?? []);
  if (narrow.length < inputs.length) return;
  const name = `${output}_narrow`;
  lower(LOWERINGS, node.operation, { ...site, inputs: narrow, output: name, type: "bfloat16" });
  builder.noteNarrow(output, name);
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
  readonly type: DataType | "bfloat16";
}

const INDEX = { Tidx: { type: "int32" } } as const;

const LOWERINGS: Lowerings<Site> = {
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
      keep_dims: flag(keepDimensions),
    }),
  transpose: (site, { permutation }) =>
    direct(site, "Transpose", [site.builder.int32(permutation)], { Tperm: { type: "int32" } }),
  matMul: lowerMatMul,
  affine: lowerAffine,
  softmax: (site) => direct(site, "Softmax"),
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
  addAtIndex: lowerAddAtIndex,
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

function flag(value: boolean): TensorflowAttribute {
  return { flag: value };
}

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
  const { builder, node, output } = site;
  const areMatrices = node.inputs.every((input) => input.shape.length === 2);
  const product = areMatrices
    ? multiplied(site, "MatMul", { transpose_a: flag(transposeA), transpose_b: flag(transposeB) })
    : multiplied(site, "BatchMatMulV2", { adj_x: flag(transposeA), adj_y: flag(transposeB) });
  addResult(builder, product, scale, output);
}

/** A bias stays in the product's own type: so TensorFlow adds it while it multiplies. */
function lowerAffine(site: Site, { transposeA, transposeB, scale }: OperationOf<"affine">): void {
  const { builder, node, inputs, output } = site;
  const flags = { transpose_a: flag(transposeA), transpose_b: flag(transposeB) };
  const product = multiplied(site, "MatMul", flags);
  const addend = inputs[2] ?? "";
  const isBias = defined(node.inputs[2], "addend").shape.length === 1;
  if (!isBias || scale !== 1) {
    builder.add("AddV2", [scaled(builder, product, scale), addend], output, FLOAT);
  } else {
    const typed = { T: { type: product.type } };
    const bias = inType(builder, addend, product.type);
    const name = builder.share("BiasAdd", [product.name, bias], typed);
    addResult(builder, { name, type: product.type }, 1, output);
  }
}

const FLOAT = { T: { type: "float32" } } as const;

/** A product of matrices, in the type in which it was made. */
interface Product {
  readonly name: string;
  readonly type: "float32" | "bfloat16";
}

/** The product of the first two inputs, which are f32, in the precision asked for. */
function multiplied(site: Site, operator: string, flags: TensorflowAttributes): Product {
  const { builder, precision, inputs } = site;
  const type = precision === "bf16" ? "bfloat16" : "float32";
  const operands = inputs.slice(0, 2).map((input) => inType(builder, input, type));
  return { name: builder.share(operator, operands, { T: { type }, ...flags }), type };
}

function inType(builder: GraphBuilder, input: string, type: Product["type"]): string {
  if (type === "float32") return input;
  return builder.narrowOf(input) ?? builder.cast(input, "float32", type);
}

function addResult(builder: GraphBuilder, product: Product, scale: number, output: string): void {
  builder.add("Identity", [scaled(builder, product, scale)], output, FLOAT);
  if (product.type === "bfloat16" && scale === 1) builder.noteNarrow(output, product.name);
}

function scaled(builder: GraphBuilder, { name, type }: Product, scale: number): string {
  const wide = type === "float32" ? name : builder.cast(name, type, "float32");
  return scale === 1 ? wide : builder.share("Mul", [wide, builder.float(scale)], FLOAT);
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

/** Indices of rows become places: [row, index]. */
function lowerAddAtIndex(site: Site, { amount }: OperationOf<"addAtIndex">): void {
  const { builder, inputs, output, shape } = site;
  const [x = "", indices = ""] = inputs;
  const numRows = defined(shape[0], "rows");
  const integer = { type: "int32" } as const;
  const bytes = new Uint8Array(Int32Array.from({ length: numRows }, (_, row) => row).buffer);
  const rows = builder.constant({ type: "int32", shape: [numRows], bytes });
  const stack = { T: integer, N: { int: 2 }, axis: { int: 1 } };
  const places = builder.share("Pack", [rows, indices], stack);
  const amounts = new Uint8Array(new Float32Array(numRows).fill(amount).buffer);
  const updates = builder.constant({ type: "float32", shape: [numRows], bytes: amounts });
  const typed = { T: { type: "float32" }, Tindices: integer } as const;
  builder.add("TensorScatterAdd", [x, places, updates], output, typed);
}
