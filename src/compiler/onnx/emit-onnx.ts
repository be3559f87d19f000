import { defined } from "../../base/assert.ts";
import type { Constant, Graph, NamedValue, Value } from "../graph.ts";
import { fixSummationOrder } from "./fix-summation-order.ts";
import { lowerNode } from "./lower-node.ts";
import { ModelBuilder } from "./model-builder.ts";
import { plainProducts } from "./plain-products.ts";
import type { OnnxTensor, OnnxValue } from "./protobuf.ts";
import { writeModel } from "./protobuf.ts";

/** Where ONNX Runtime is to compute: each place has operators that another has not. */
export type OnnxTarget = "cpu" | "webgpu";

/**
 * Writes a graph as an ONNX model, its inputs and outputs under their names in the graph.
 *
 * Uses ONNX's operators of opset 21, and ONNX Runtime's own (`com.microsoft`) where they save work.
 *
 * On the CPU the bits of the results do not depend on the number of threads up to `MAX_THREADS`.
 *
 * @returns the bytes of an `.onnx` file.
 */
export function emitOnnx(traced: Graph, target: OnnxTarget = "cpu"): Uint8Array<ArrayBuffer> {
  const graph = target === "cpu" ? fixSummationOrder(traced) : plainProducts(traced);
  const builder = new ModelBuilder();
  for (const { name, value } of graph.inputs) builder.nameValue(value, name);
  const computed = new Set(graph.nodes.flatMap(({ outputs }) => outputs));
  for (const { name, value } of graph.outputs) {
    if (computed.has(value) && !builder.isNamed(value)) builder.nameValue(value, name);
  }
  for (const constant of graph.constants) {
    if (constant.name !== undefined) builder.nameValue(constant.value, constant.name);
    builder.initializers.push(tensorOf(constant, builder.nameOf(constant.value)));
  }
  for (const node of graph.nodes) lowerNode(builder, node);
  for (const { name, value } of graph.outputs) {
    // An input, a constant, or the second name of a value needs an operator to become an output.
    if (builder.nameOf(value) !== name) builder.add("Identity", [builder.nameOf(value)], [name]);
  }
  return writeModel({
    inputs: graph.inputs.map(describe),
    outputs: graph.outputs.map(describe),
    initializers: builder.initializers,
    nodes: builder.nodes,
    opsets: { "": 21, "com.microsoft": 1 },
  });
}

function describe({ name, value }: NamedValue): OnnxValue {
  return { name, type: value.dataType, shape: value.shape };
}

function tensorOf({ value, data }: Constant, name: string): OnnxTensor {
  return { name, type: value.dataType, shape: value.shape, bytes: bytesOf(value, data) };
}

function bytesOf(value: Value, data: Float32Array | Int32Array): Uint8Array {
  if (value.dataType === "bool") return Uint8Array.from(defined(data, "data"), (x) => (x ? 1 : 0));
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
