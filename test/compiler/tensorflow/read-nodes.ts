import { PbfReader } from "pbf";
import { TENSORFLOW_TYPE, type TensorflowType } from "../../../src/compiler/tensorflow/protobuf.ts";

/** One operation of a SavedModel. */
export interface ReadNode {
  readonly operator: string;
  /** By name: the element type, for other values their kind. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** The operations of a `saved_model.pb`. */
export function readNodes(savedModel: Uint8Array): readonly ReadNode[] {
  return fieldsOf(savedModel, 2)
    .flatMap((metaGraph) => fieldsOf(metaGraph, 2))
    .flatMap((graph) => fieldsOf(graph, 1))
    .map((node) => ({
      operator: textOf(node, 2),
      attributes: Object.fromEntries(
        fieldsOf(node, 5).map((entry) => [textOf(entry, 1), attributeOf(fieldsOf(entry, 2)[0])]),
      ),
    }));
}

/** The contents of the fields `tag` of a message, which hold bytes. */
export function fieldsOf(message: Uint8Array, tag: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  new PbfReader(message).readFields((field, _, pbf) => {
    if (field === tag) found.push(pbf.readBytes());
  }, undefined);
  return found;
}

/** Kinds of values by the numbers of their fields in attr_value.proto, without 6, an element type. */
const KINDS: Readonly<Record<number, string>> = {
  ...{ 1: "texts", 2: "text", 3: "int", 4: "float", 5: "flag", 7: "shape", 8: "tensor" },
};

function textOf(message: Uint8Array, tag: number): string {
  return Buffer.from(fieldsOf(message, tag)[0] ?? []).toString();
}

function attributeOf(value: Uint8Array | undefined): string {
  let found = "nothing";
  new PbfReader(value ?? new Uint8Array()).readFields((field, _, pbf) => {
    found = field === 6 ? typeNumbered(pbf.readVarint()) : (KINDS[field] ?? `field ${field}`);
  }, undefined);
  return found;
}

function typeNumbered(number: number): string {
  const types = Object.keys(TENSORFLOW_TYPE) as TensorflowType[];
  return types.find((type) => TENSORFLOW_TYPE[type] === number) ?? `type ${number}`;
}
