import type { Operation } from "./operation.ts";

/** Element types that occur in the traced programs. */
export type DataType = "float32" | "int32" | "bool";

/** A size that is known only when the graph runs, as ONNX and TensorFlow write it in a shape. */
export const ANY = -1;

/** One tensor of a graph. Identity is the object itself: two values of the same shape stay two. */
export interface Value {
  readonly shape: readonly number[];
  readonly dataType: DataType;
}

/** One operation applied to values; nothing else in the program computes. */
export interface GraphNode {
  readonly operation: Operation;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

/** A value with the name under which the caller feeds or fetches it. */
export interface NamedValue {
  readonly name: string;
  readonly value: Value;
}

/** A value known when the graph was traced. */
export interface Constant {
  readonly value: Value;
  /** Row-major; booleans as 0 and 1 in an Int32Array. */
  readonly data: Float32Array | Int32Array;
  /** What readers of a written file are to see; unique in the graph. */
  readonly name?: string;
}

/**
 * A traced program, independent of tfjs and of the runtime that will execute it.
 *
 * Passes are pure functions from graph to graph; `nodes` always stand in an order that can be executed.
 */
export interface Graph {
  readonly inputs: readonly NamedValue[];
  readonly constants: readonly Constant[];
  readonly nodes: readonly GraphNode[];
  readonly outputs: readonly NamedValue[];
}

/** A new value, equal to no other. */
export function newValue(shape: readonly number[], dataType: DataType = "float32"): Value {
  return { shape: [...shape], dataType };
}

/** Number of elements of a shape. */
export function numElements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Whether two shapes are the same. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}
