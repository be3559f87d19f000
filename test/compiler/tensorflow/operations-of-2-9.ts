import type {
  TensorflowAttribute,
  TensorflowType,
} from "../../../src/compiler/tensorflow/protobuf.ts";

/** What an attribute may be: one of some element types (`any`: every one), or a value of a kind. */
type Allowed = readonly TensorflowType[] | "any" | Exclude<AttributeKind, "type">;

/** The tag of an attribute's value. */
type AttributeKind = TensorflowAttribute extends infer A
  ? A extends unknown
    ? keyof A
    : never
  : never;

/** An operation as TensorFlow 2.9 registers it, as far as the engine could use it. */
export interface KnownOperation {
  readonly attributes: Readonly<Record<string, Allowed>>;
  /**
   * Which definition this is, counted from 1, in the operation's file of TensorFlow's
   * tensorflow/core/ops/compat/ops_history_v2: the first that has it all, each far older than 2.9. Later
   * ones add types and attributes (`debug_name` of VarHandleOp, `grad_x` of BatchMatMulV2), which may
   * not be used.
   */
  readonly definition: number;
}

const INDEX = ["int32", "int64"] as const;
/** Of the element types that the emitter knows, those of most arithmetic. */
const NUMBERS = ["float32", "bfloat16", "int32", "int64"] as const;
const FLOATS = ["float32", "bfloat16"] as const;

function reduction(definition: number): KnownOperation {
  return { attributes: { T: NUMBERS, Tidx: INDEX, keep_dims: "flag" }, definition };
}

function elementwise(types: Allowed, definition: number): KnownOperation {
  return { attributes: { T: types }, definition };
}

/** All that the engine's programs are made of, by name. */
export const OPERATIONS_OF_2_9: Readonly<Record<string, KnownOperation>> = {
  AddV2: elementwise(NUMBERS, 2),
  AssignVariableOp: { attributes: { dtype: "any" }, definition: 1 },
  BatchMatMulV2: { attributes: { T: NUMBERS, adj_x: "flag", adj_y: "flag" }, definition: 1 },
  BiasAdd: { attributes: { T: NUMBERS, data_format: "text" }, definition: 3 },
  Cast: { attributes: { SrcT: "any", DstT: "any" }, definition: 1 },
  ConcatV2: { attributes: { N: "int", T: "any", Tidx: INDEX }, definition: 1 },
  Const: { attributes: { value: "tensor", dtype: "any" }, definition: 1 },
  DeepCopy: elementwise("any", 1),
  Erf: elementwise(FLOATS, 2),
  Exp: elementwise(FLOATS, 2),
  GatherV2: { attributes: { Tparams: "any", Tindices: INDEX, Taxis: INDEX }, definition: 1 },
  Identity: elementwise("any", 1),
  InplaceUpdate: elementwise("any", 1),
  Log: elementwise(FLOATS, 2),
  MatMul: {
    attributes: {
      ...{ transpose_a: "flag", transpose_b: "flag" },
      T: ["float32", "bfloat16", "int32"],
    },
    definition: 2,
  },
  Max: reduction(3),
  Mean: reduction(3),
  Mul: elementwise(NUMBERS, 2),
  Neg: elementwise(NUMBERS, 2),
  OneHot: { attributes: { axis: "int", T: "any", TI: INDEX }, definition: 1 },
  Pack: { attributes: { N: "int", T: "any", axis: "int" }, definition: 1 },
  Placeholder: { attributes: { dtype: "any", shape: "shape" }, definition: 1 },
  ReadVariableOp: { attributes: { dtype: "any" }, definition: 1 },
  Reshape: { attributes: { T: "any", Tshape: INDEX }, definition: 1 },
  Rsqrt: elementwise(FLOATS, 2),
  Slice: { attributes: { T: "any", Index: INDEX }, definition: 1 },
  Softmax: elementwise(FLOATS, 2),
  Square: elementwise(NUMBERS, 2),
  Sub: elementwise(NUMBERS, 3),
  Sum: reduction(3),
  Tanh: elementwise(FLOATS, 2),
  TensorScatterAdd: { attributes: { T: "any", Tindices: INDEX }, definition: 1 },
  Transpose: { attributes: { T: "any", Tperm: INDEX }, definition: 1 },
  UnsortedSegmentSum: {
    attributes: { T: NUMBERS, Tindices: INDEX, Tnumsegments: INDEX },
    definition: 3,
  },
  VarHandleOp: {
    attributes: { container: "text", shared_name: "text", dtype: "any", shape: "shape" },
    definition: 1,
  },
};
