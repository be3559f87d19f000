import { PbfWriter } from "pbf";
import { ANY } from "../graph.ts";

/** Element types of ONNX tensors, by their numbers in onnx.proto. */
export const ONNX_TYPE = { float32: 1, int32: 6, int64: 7, bool: 9 } as const;

/** The name of an ONNX element type that the emitter uses. */
export type OnnxType = keyof typeof ONNX_TYPE;

/** A tensor stored in the model file. */
export interface OnnxTensor {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly number[];
  /** Little-endian, row-major. */
  readonly bytes: Uint8Array;
}

/** An input or output of the model. */
export interface OnnxValue {
  readonly name: string;
  readonly type: OnnxType;
  /** `ANY` is written as the named dimension "batch". */
  readonly shape: readonly number[];
}

/** The value of an attribute; the tag says its ONNX type. */
export type OnnxAttribute =
  | { readonly float: number }
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly text: string };

/** One ONNX operator. An empty input name means that the optional input is left out. */
export interface OnnxNode {
  readonly operator: string;
  /** "" for ONNX's own operators. */
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

/** An ONNX model before it is written. */
export interface OnnxModel {
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly initializers: readonly OnnxTensor[];
  readonly nodes: readonly OnnxNode[];
  /** Version of each operator domain. */
  readonly opsets: Readonly<Record<string, number>>;
}

/** IR version 10 (ONNX 1.16): the least that opset 21 belongs to. */
const IR_VERSION = 10;

/** The bytes of an `.onnx` file: a ModelProto of onnx.proto3. */
export function writeModel(model: OnnxModel): Uint8Array<ArrayBuffer> {
  const pbf = new PbfWriter();
  pbf.writeVarintField(1, IR_VERSION);
  pbf.writeStringField(2, "smallinit");
  pbf.writeMessage(7, writeGraph, model);
  for (const [domain, version] of Object.entries(model.opsets)) {
    pbf.writeMessage(8, writeOpset, { domain, version });
  }
  return new Uint8Array(pbf.finish());
}

function writeOpset(opset: { domain: string; version: number }, pbf: PbfWriter): void {
  pbf.writeStringField(1, opset.domain);
  pbf.writeVarintField(2, opset.version);
}

function writeGraph(model: OnnxModel, pbf: PbfWriter): void {
  for (const node of model.nodes) pbf.writeMessage(1, writeNode, node);
  pbf.writeStringField(2, "graph");
  for (const tensor of model.initializers) pbf.writeMessage(5, writeTensor, tensor);
  for (const input of model.inputs) pbf.writeMessage(11, writeValue, input);
  for (const output of model.outputs) pbf.writeMessage(12, writeValue, output);
}

function writeNode(node: OnnxNode, pbf: PbfWriter): void {
  for (const input of node.inputs) pbf.writeStringField(1, input);
  for (const output of node.outputs) pbf.writeStringField(2, output);
  pbf.writeStringField(3, node.outputs[0] ?? "");
  pbf.writeStringField(4, node.operator);
  for (const [name, value] of Object.entries(node.attributes)) {
    pbf.writeMessage(5, writeAttribute, { name, value });
  }
  pbf.writeStringField(7, node.domain);
}

function writeAttribute(attribute: { name: string; value: OnnxAttribute }, pbf: PbfWriter): void {
  const { name, value } = attribute;
  pbf.writeStringField(1, name);
  if ("float" in value) {
    pbf.writeFloatField(2, value.float);
    pbf.writeVarintField(20, 1);
  } else if ("int" in value) {
    pbf.writeVarintField(3, value.int);
    pbf.writeVarintField(20, 2);
  } else if ("text" in value) {
    pbf.writeBytesField(4, new TextEncoder().encode(value.text));
    pbf.writeVarintField(20, 3);
  } else {
    for (const int of value.ints) pbf.writeVarintField(8, int);
    pbf.writeVarintField(20, 7);
  }
}

function writeTensor(tensor: OnnxTensor, pbf: PbfWriter): void {
  for (const size of tensor.shape) pbf.writeVarintField(1, size);
  pbf.writeVarintField(2, ONNX_TYPE[tensor.type]);
  pbf.writeStringField(8, tensor.name);
  pbf.writeBytesField(9, tensor.bytes);
}

function writeValue(value: OnnxValue, pbf: PbfWriter): void {
  pbf.writeStringField(1, value.name);
  pbf.writeMessage(2, writeTypeOf, value);
}

function writeTypeOf(value: OnnxValue, pbf: PbfWriter): void {
  pbf.writeMessage(1, writeTensorType, value);
}

function writeTensorType(value: OnnxValue, pbf: PbfWriter): void {
  pbf.writeVarintField(1, ONNX_TYPE[value.type]);
  pbf.writeMessage(2, writeShape, value.shape);
}

function writeShape(shape: readonly number[], pbf: PbfWriter): void {
  for (const size of shape) pbf.writeMessage(1, writeDimension, size);
}

function writeDimension(size: number, pbf: PbfWriter): void {
  if (size === ANY) pbf.writeStringField(2, "batch");
  else pbf.writeVarintField(1, size);
}
