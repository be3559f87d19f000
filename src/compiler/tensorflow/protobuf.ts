import { PbfWriter } from "pbf";

/** Element types of TensorFlow tensors, by their numbers in types.proto. */
export const TENSORFLOW_TYPE = {
  float32: 1,
  int32: 3,
  int64: 9,
  bool: 10,
  bfloat16: 14,
  resource: 20,
} as const;

/** The name of a TensorFlow element type that the emitter uses. */
export type TensorflowType = keyof typeof TENSORFLOW_TYPE;

/** The value of an attribute; the tag says its kind. */
export type TensorflowAttribute =
  | { readonly type: TensorflowType }
  | { readonly shape: readonly number[] }
  | { readonly int: number }
  | { readonly flag: boolean }
  | { readonly float: number }
  | { readonly text: string }
  | { readonly texts: readonly string[] }
  | { readonly tensor: TensorflowTensor };

/** A tensor stored in the graph. */
export interface TensorflowTensor {
  readonly type: TensorflowType;
  readonly shape: readonly number[];
  /** Little-endian, row-major. */
  readonly bytes: Uint8Array;
}

/** One operation of a GraphDef. */
export interface TensorflowNode {
  readonly name: string;
  readonly operator: string;
  /** `name` or `name:index` of a tensor; `^name` of a node that comes first. */
  readonly inputs: readonly string[];
  readonly attributes: Readonly<Record<string, TensorflowAttribute>>;
}

/** GraphDef version of TensorFlow 2.9, the oldest that has to read what is written here. */
export const PRODUCER = 1087;

/** What a graph takes and gives, under names for whoever serves it. */
export interface Signature {
  readonly inputs: Readonly<Record<string, SignatureTensor>>;
  readonly outputs: Readonly<Record<string, SignatureTensor>>;
}

/** A tensor that is fed or fetched. */
export interface SignatureTensor {
  /** "operation:0". */
  readonly tensor: string;
  readonly type: TensorflowType;
  /** `ANY` for a size that is known only when the graph runs. */
  readonly shape: readonly number[];
}

/** The bytes of a `saved_model.pb` with one graph under the tag `serve`, its signature `serving_default`. */
export function writeSavedModel(
  nodes: readonly TensorflowNode[],
  signature?: Signature,
): Uint8Array<ArrayBuffer> {
  const pbf = new PbfWriter();
  pbf.writeVarintField(1, 1);
  pbf.writeMessage(2, writeMetaGraph, { nodes, signature });
  return new Uint8Array(pbf.finish());
}

interface MetaGraph {
  readonly nodes: readonly TensorflowNode[];
  readonly signature: Signature | undefined;
}

function writeMetaGraph({ nodes, signature }: MetaGraph, pbf: PbfWriter): void {
  pbf.writeMessage(1, (_, info) => info.writeStringField(4, "serve"), undefined);
  pbf.writeMessage(2, writeGraph, nodes);
  if (signature !== undefined) pbf.writeMessage(5, writeSignatureEntry, signature);
}

function writeSignatureEntry(signature: Signature, pbf: PbfWriter): void {
  pbf.writeStringField(1, "serving_default");
  pbf.writeMessage(2, writeSignature, signature);
}

function writeSignature({ inputs, outputs }: Signature, pbf: PbfWriter): void {
  for (const entry of Object.entries(inputs)) pbf.writeMessage(1, writeTensorEntry, entry);
  for (const entry of Object.entries(outputs)) pbf.writeMessage(2, writeTensorEntry, entry);
  pbf.writeStringField(3, "tensorflow/serving/predict");
}

function writeTensorEntry([name, info]: readonly [string, SignatureTensor], pbf: PbfWriter): void {
  pbf.writeStringField(1, name);
  pbf.writeMessage(2, writeTensorInfo, info);
}

function writeTensorInfo({ tensor, type, shape }: SignatureTensor, pbf: PbfWriter): void {
  pbf.writeStringField(1, tensor);
  pbf.writeVarintField(2, TENSORFLOW_TYPE[type]);
  pbf.writeMessage(3, writeShape, shape);
}

function writeGraph(nodes: readonly TensorflowNode[], pbf: PbfWriter): void {
  for (const node of nodes) pbf.writeMessage(1, writeNode, node);
  pbf.writeMessage(4, (_, versions) => versions.writeVarintField(1, PRODUCER), undefined);
}

function writeNode(node: TensorflowNode, pbf: PbfWriter): void {
  pbf.writeStringField(1, node.name);
  pbf.writeStringField(2, node.operator);
  for (const input of node.inputs) pbf.writeStringField(3, input);
  for (const entry of Object.entries(node.attributes)) {
    pbf.writeMessage(5, writeAttributeEntry, entry);
  }
}

function writeAttributeEntry(
  [name, value]: readonly [string, TensorflowAttribute],
  pbf: PbfWriter,
): void {
  pbf.writeStringField(1, name);
  pbf.writeMessage(2, writeAttribute, value);
}

function writeAttribute(value: TensorflowAttribute, pbf: PbfWriter): void {
  if ("texts" in value) pbf.writeMessage(1, writeTexts, value.texts);
  else if ("text" in value) pbf.writeBytesField(2, utf8(value.text));
  else if ("int" in value) pbf.writeVarintField(3, value.int);
  else if ("float" in value) pbf.writeFloatField(4, value.float);
  else if ("flag" in value) pbf.writeBooleanField(5, value.flag);
  else if ("type" in value) pbf.writeVarintField(6, TENSORFLOW_TYPE[value.type]);
  else if ("shape" in value) pbf.writeMessage(7, writeShape, value.shape);
  else pbf.writeMessage(8, writeTensor, value.tensor);
}

function writeTexts(texts: readonly string[], pbf: PbfWriter): void {
  for (const text of texts) pbf.writeBytesField(2, utf8(text));
}

function writeTensor(tensor: TensorflowTensor, pbf: PbfWriter): void {
  pbf.writeVarintField(1, TENSORFLOW_TYPE[tensor.type]);
  pbf.writeMessage(2, writeShape, tensor.shape);
  pbf.writeBytesField(4, tensor.bytes);
}

function writeShape(shape: readonly number[], pbf: PbfWriter): void {
  for (const size of shape) pbf.writeMessage(2, writeDimension, size);
}

function writeDimension(size: number, pbf: PbfWriter): void {
  pbf.writeVarintField(1, size);
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
