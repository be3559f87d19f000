import { assert, defined } from "../../base/assert.ts";
import type { Value } from "../graph.ts";
import { newValue, numElements } from "../graph.ts";
import type { Attributes } from "./attributes.ts";
import { numberAt, numbersAt } from "./attributes.ts";
import type { KernelTranslation, Recorded } from "./kernel-translation.ts";
import { inputNamed } from "./kernel-translation.ts";

/** tfjs kernels that move numbers without changing them. */
export const LAYOUT_KERNELS: Readonly<Record<string, KernelTranslation>> = {
  Reshape(inputs, attributes) {
    const x = inputNamed(inputs, "x");
    return reshape(x, withInferred(numbersAt(attributes, "shape"), numElements(x.shape)));
  },
  ExpandDims(inputs, attributes) {
    const x = inputNamed(inputs, "input");
    const at = fromEnd(numberAt(attributes, "dim"), x.shape.length + 1);
    return reshape(x, x.shape.toSpliced(at, 0, 1));
  },
  Transpose(inputs, attributes) {
    const x = inputNamed(inputs, "x");
    const permutation = numbersAt(attributes, "perm");
    const shape = permutation.map((axis) => sizeAt(x, axis));
    return {
      operation: { type: "transpose", permutation },
      inputs: [x],
      output: newValue(shape, x.dataType),
    };
  },
  Slice(inputs, attributes) {
    const x = inputNamed(inputs, "x");
    const begin = numbersAt(attributes, "begin");
    const sizes = numbersAt(attributes, "size");
    const shape = sizes.map((size, i) => (size === -1 ? sizeAt(x, i) - (begin[i] ?? 0) : size));
    return slice(x, begin, shape);
  },
  SplitV(inputs, attributes) {
    const x = inputNamed(inputs, "x");
    const axis = fromEnd(numberAt(attributes, "axis"), x.shape.length);
    return split(x, axis, splitSizes(attributes, sizeAt(x, axis)));
  },
  Concat(inputs, attributes) {
    // tfjs passes the tensors to concatenate as inputs "0", "1", ...
    const parts = Object.values(inputs);
    const first = defined(parts[0], "the first part of a concatenation");
    const axis = fromEnd(numberAt(attributes, "axis"), first.shape.length);
    const size = parts.reduce((sum, part) => sum + sizeAt(part, axis), 0);
    return {
      operation: { type: "concat", axis },
      inputs: parts,
      output: newValue(first.shape.with(axis, size), first.dataType),
    };
  },
  PadV2(inputs, attributes) {
    const x = inputNamed(inputs, "x");
    const paddings = attributes.paddings;
    assert(Array.isArray(paddings), "paddings are not a list");
    const before = paddings.map((pair: unknown) => pairOf(pair)[0]);
    const after = paddings.map((pair: unknown) => pairOf(pair)[1]);
    const shape = x.shape.map((size, i) => size + (before[i] ?? 0) + (after[i] ?? 0));
    return {
      operation: { type: "pad", before, after, fill: numberAt(attributes, "constantValue") },
      inputs: [x],
      output: newValue(shape, x.dataType),
    };
  },
  Tile(inputs, attributes) {
    const x = inputNamed(inputs, "x");
    const repeats = numbersAt(attributes, "reps");
    const shape = x.shape.map((size, i) => size * (repeats[i] ?? 1));
    return {
      operation: { type: "tile", repeats },
      inputs: [x],
      output: newValue(shape, x.dataType),
    };
  },
};

function reshape(x: Value, shape: readonly number[]): Recorded {
  return { operation: { type: "reshape" }, inputs: [x], output: newValue(shape, x.dataType) };
}

function slice(x: Value, begin: readonly number[], shape: readonly number[]): Recorded {
  return { operation: { type: "slice", begin }, inputs: [x], output: newValue(shape, x.dataType) };
}

function split(x: Value, axis: number, sizes: readonly number[]): readonly Recorded[] {
  let start = 0;
  return sizes.map((size) => {
    const begin = x.shape.map((_, i) => (i === axis ? start : 0));
    start += size;
    return slice(x, begin, x.shape.with(axis, size));
  });
}

function splitSizes(attributes: Attributes, total: number): readonly number[] {
  const given = attributes.numOrSizeSplits;
  if (typeof given === "number") return Array.from({ length: given }, () => total / given);
  return numbersAt(attributes, "numOrSizeSplits");
}

function withInferred(shape: readonly number[], count: number): readonly number[] {
  const known = shape.reduce((product, size) => (size === -1 ? product : product * size), 1);
  return shape.map((size) => (size === -1 ? count / known : size));
}

function pairOf(pair: unknown): readonly [number, number] {
  assert(Array.isArray(pair) && pair.length === 2, "a padding is not a pair");
  return [Number(pair[0]), Number(pair[1])];
}

/** An axis counted from the front. */
export function fromEnd(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

/** The size of dimension `axis`. */
export function sizeAt(value: Value, axis: number): number {
  return defined(value.shape[axis], `dimension ${axis} of [${value.shape}]`);
}
