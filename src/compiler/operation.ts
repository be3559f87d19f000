/** Elementwise functions of one argument. */
export type UnaryFunction =
  | "abs"
  | "cos"
  | "erf"
  | "exp"
  | "log"
  | "negate"
  | "reciprocal"
  | "reciprocalSqrt"
  | "sin"
  | "sqrt"
  | "square"
  | "tanh"
  | "logicalNot";

/** Elementwise functions of two arguments, which broadcast as in numpy. */
export type BinaryFunction =
  | "add"
  | "subtract"
  | "multiply"
  | "divide"
  | "power"
  | "maximum"
  | "minimum"
  | "less"
  | "lessEqual"
  | "greater"
  | "greaterEqual"
  | "equal"
  | "logicalAnd";

/** What a node computes. Shapes of results stand in the node's output values. */
export type Operation =
  | { readonly type: "identity" }
  | { readonly type: "reshape" }
  | { readonly type: "cast" }
  | { readonly type: "unary"; readonly function: UnaryFunction }
  | { readonly type: "binary"; readonly function: BinaryFunction }
  /** inputs: condition, value where true, value where false. */
  | { readonly type: "select" }
  /** `axes` ascending; reduced dimensions stay as 1 when `keepDimensions`. */
  | {
      readonly type: "reduce";
      readonly function: "sum" | "mean" | "max";
      readonly axes: readonly number[];
      readonly keepDimensions: boolean;
    }
  | { readonly type: "transpose"; readonly permutation: readonly number[] }
  | MatMul
  | Affine
  | { readonly type: "softmax" }
  /** inputs: x, indices i32; rows of x along `axis`. */
  | { readonly type: "gather"; readonly axis: number }
  /** inputs: x [rows, ...], segment ids i32[rows] or i32[rows, 1]; sums rows of equal id. */
  | { readonly type: "segmentSum"; readonly numSegments: number }
  | {
      readonly type: "oneHot";
      readonly depth: number;
      readonly onValue: number;
      readonly offValue: number;
    }
  /** inputs: x f32[rows, columns], indices i32[rows]; adds `amount` to each row at its index. */
  | { readonly type: "addAtIndex"; readonly amount: number }
  | { readonly type: "slice"; readonly begin: readonly number[] }
  | { readonly type: "concat"; readonly axis: number }
  | {
      readonly type: "pad";
      readonly before: readonly number[];
      readonly after: readonly number[];
      readonly fill: number;
    }
  | { readonly type: "tile"; readonly repeats: readonly number[] };

/** Product over the last two dimensions, times `scale`; leading dimensions broadcast. */
export interface MatMul {
  readonly type: "matMul";
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly scale: number;
}

/** a · b · scale + c, of matrices; c is f32[columns], added to each row, or of the result's shape. */
export interface Affine {
  readonly type: "affine";
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly scale: number;
}
