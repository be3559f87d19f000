import { defined } from "../../base/assert.ts";
import type { GraphNode } from "../graph.ts";
import { numElements } from "../graph.ts";
import { type Lowerings, lower, type OperationOf } from "../lowerings.ts";
import type { BinaryFunction, UnaryFunction } from "../operation.ts";
import type { GraphBuilder, TensorflowAttributes } from "./graph-builder.ts";
import { lowerAffine, lowerMatMul } from "./lower-products.ts";
import { flag, type MatrixPrecision, type Site } from "./site.ts";

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
