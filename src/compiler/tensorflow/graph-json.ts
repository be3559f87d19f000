import type { TensorflowAttribute, TensorflowNode, TensorflowType } from "./protobuf.ts";
import { PRODUCER, type Signature, type SignatureTensor } from "./protobuf.ts";

/**
 * A GraphDef as JSON (proto3's mapping), without the contents of its constants: what tfjs's
 * `loadGraphModel` calls `modelTopology`.
 */
export function graphJson(nodes: readonly TensorflowNode[]): object {
  return {
    node: nodes.map(({ name, operator, inputs, attributes }) => ({
      ...{ name, op: operator, input: inputs },
      attr: Object.fromEntries(
        Object.entries(attributes).map(([key, value]) => [key, attributeJson(value)]),
      ),
    })),
    library: {},
    versions: { producer: PRODUCER },
  };
}

/** A signature as JSON, as `loadGraphModel` reads it. */
export function signatureJson({ inputs, outputs }: Signature): object {
  const tensors = (infos: Readonly<Record<string, SignatureTensor>>) =>
    Object.fromEntries(
      Object.entries(infos).map(([name, { tensor, type, shape }]) => [
        name,
        { name: tensor, dtype: TYPE_NAME[type], tensorShape: shapeJson(shape) },
      ]),
    );
  return { inputs: tensors(inputs), outputs: tensors(outputs) };
}

const TYPE_NAME: Readonly<Record<TensorflowType, string>> = {
  float32: "DT_FLOAT",
  int32: "DT_INT32",
  int64: "DT_INT64",
  bool: "DT_BOOL",
  bfloat16: "DT_BFLOAT16",
  resource: "DT_RESOURCE",
};

function attributeJson(value: TensorflowAttribute): object {
  if ("texts" in value) return { list: { s: value.texts.map(base64) } };
  if ("text" in value) return { s: base64(value.text) };
  if ("int" in value) return { i: String(value.int) };
  if ("float" in value) return { f: value.float };
  if ("flag" in value) return { b: value.flag };
  if ("type" in value) return { type: TYPE_NAME[value.type] };
  if ("shape" in value) return { shape: shapeJson(value.shape) };
  const { type, shape } = value.tensor;
  return { tensor: { dtype: TYPE_NAME[type], tensorShape: shapeJson(shape) } };
}

function shapeJson(shape: readonly number[]): object {
  return { dim: shape.map((size) => ({ size: String(size) })) };
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
