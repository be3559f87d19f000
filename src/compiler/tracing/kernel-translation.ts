import { defined } from "../../base/assert.ts";
import type { Value } from "../graph.ts";
import type { Operation } from "../operation.ts";
import type { Attributes } from "./attributes.ts";

/** What one tfjs kernel means in a graph. */
export interface Recorded {
  readonly operation: Operation;
  readonly inputs: readonly Value[];
  readonly output: Value;
}

/**
 * Says what a tfjs kernel does with these inputs (by tfjs's names) and attributes: one operation, or
 * one for each result.
 */
export type KernelTranslation = (
  inputs: Readonly<Record<string, Value>>,
  attributes: Attributes,
) => Recorded | readonly Recorded[];

/** The input that tfjs calls `name`. */
export function inputNamed(inputs: Readonly<Record<string, Value>>, name: string): Value {
  return defined(inputs[name], `input ${name} of a kernel`);
}
