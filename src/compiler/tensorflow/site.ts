import type { DataType, GraphNode } from "../graph.ts";
import type { GraphBuilder } from "./graph-builder.ts";
import type { TensorflowAttribute } from "./protobuf.ts";

/** In which type matrices are multiplied; everything else is f32. */
export type MatrixPrecision = "f32" | "bf16";

/** One node under translation, with the names of its values. */
export interface Site {
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

/** The attribute of an operation on f32. */
export const FLOAT = { T: { type: "float32" } } as const;

export function flag(value: boolean): TensorflowAttribute {
  return { flag: value };
}
