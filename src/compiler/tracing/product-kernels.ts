import { assert } from "../../base/assert.ts";
import { broadcastShape } from "../broadcast-shape.ts";
import { newValue, sameShape } from "../graph.ts";
import type { Attributes } from "./attributes.ts";
import { flagAt, numberAt, numbersAt } from "./attributes.ts";
import type { KernelTranslation } from "./kernel-translation.ts";
import { inputNamed } from "./kernel-translation.ts";
import { fromEnd, sizeAt } from "./layout-kernels.ts";

/** tfjs kernels that sum, multiply matrices, or look up rows; and those that only make numbers. */
export const PRODUCT_KERNELS: Readonly<Record<string, KernelTranslation>> = {
  Sum: reduction("sum", "axis"),
  Mean: reduction("mean", "axis"),
  Max: reduction("max", "reductionIndices"),
  BatchMatMul(inputs, attributes) {
    const a = inputNamed(inputs, "a");
    const b = inputNamed(inputs, "b");
    const transposeA = flagAt(attributes, "transposeA");
    const transposeB = flagAt(attributes, "transposeB");
    const rows = sizeAt(a, a.shape.length - (transposeA ? 1 : 2));
    const columns = sizeAt(b, b.shape.length - (transposeB ? 2 : 1));
    const batch = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
    return {
      operation: { type: "matMul", transposeA, transposeB, scale: 1 },
      inputs: [a, b],
      output: newValue([...batch, rows, columns]),
    };
  },
  Softmax(inputs, attributes) {
    const x = inputNamed(inputs, "logits");
    const axis = fromEnd(numberAt(attributes, "dim"), x.shape.length);
    assert(axis === x.shape.length - 1, "softmax is along the last dimension");
    return { operation: { type: "softmax" }, inputs: [x], output: newValue(x.shape) };
  },
  GatherV2(inputs, attributes) {
    const x = inputNamed(inputs, "x");
    const indices = inputNamed(inputs, "indices");
    const axis = fromEnd(numberAt(attributes, "axis"), x.shape.length);
    assert((attributes.batchDims ?? 0) === 0, "gather has no batch dimensions");
    return {
      operation: { type: "gather", axis },
      inputs: [x, indices],
      output: newValue(x.shape.toSpliced(axis, 1, ...indices.shape), x.dataType),
    };
  },
  UnsortedSegmentSum(inputs, attributes) {
    const x = inputNamed(inputs, "x");
    const ids = inputNamed(inputs, "segmentIds");
    const numSegments = numberAt(attributes, "numSegments");
    assert(ids.shape.length === 1, "segment ids are a vector");
    return {
      operation: { type: "segmentSum", numSegments },
      inputs: [x, ids],
      output: newValue([numSegments, ...x.shape.slice(1)]),
    };
  },
  ScatterNd(inputs, attributes) {
    const indices = inputNamed(inputs, "indices");
    const updates = inputNamed(inputs, "updates");
    const shape = numbersAt(attributes, "shape");
    const [numSegments, ...rest] = shape;
    assert(numSegments !== undefined && sizeAt(indices, 1) === 1, "scatter is of whole rows");
    assert(sameShape(rest, updates.shape.slice(1)), "scatter is of whole rows");
    return {
      operation: { type: "segmentSum", numSegments },
      inputs: [updates, indices],
      output: newValue(shape),
    };
  },
  OneHot(inputs, attributes) {
    const indices = inputNamed(inputs, "indices");
    const depth = numberAt(attributes, "depth");
    const onValue = numberAt(attributes, "onValue");
    const offValue = numberAt(attributes, "offValue");
    return {
      operation: { type: "oneHot", depth, onValue, offValue },
      inputs: [indices],
      output: newValue([...indices.shape, depth], dataTypeAt(attributes)),
    };
  },
};

function reduction(name: "sum" | "mean" | "max", axisAttribute: string): KernelTranslation {
  return (inputs, attributes) => {
    const x = inputNamed(inputs, "x");
    const axes = axesOf(attributes, axisAttribute, x.shape.length);
    const keepDimensions = flagAt(attributes, "keepDims");
    const shape = x.shape.flatMap((size, i) => {
      if (!axes.includes(i)) return [size];
      return keepDimensions ? [1] : [];
    });
    return {
      operation: { type: "reduce", function: name, axes, keepDimensions },
      inputs: [x],
      output: newValue(shape, x.dataType),
    };
  };
}

/** No axis means all of them. */
function axesOf(attributes: Attributes, name: string, rank: number): readonly number[] {
  if (attributes[name] === null || attributes[name] === undefined) {
    return Array.from({ length: rank }, (_, i) => i);
  }
  return numbersAt(attributes, name)
    .map((axis) => fromEnd(axis, rank))
    .toSorted((a, b) => a - b);
}

function dataTypeAt(attributes: Attributes): "float32" | "int32" {
  return attributes.dtype === "float32" ? "float32" : "int32";
}
