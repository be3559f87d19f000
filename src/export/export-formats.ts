import { safetensorsPieces } from "../checkpoint/safetensors-file.ts";
import { emitOnnx } from "../compiler/onnx/emit-onnx.ts";
import { optimize } from "../compiler/optimize.ts";
import { serveInTensorflow } from "../compiler/tensorflow/emit-tensorflow.ts";
import { graphJson, signatureJson } from "../compiler/tensorflow/graph-json.ts";
import { optimizeForTensorflow } from "../compiler/tensorflow/optimize-for-tensorflow.ts";
import { writeSavedModel } from "../compiler/tensorflow/protobuf.ts";
import { parameterLayout } from "../model/parameter-layout.ts";
import { forwardGraph, type TrainedModel } from "./forward-graph.ts";
import { TORCH_MODEL } from "./torch-model.ts";

/** The files of an exported model by name, in pieces. */
export type ExportedFiles = Readonly<Record<string, Iterable<Uint8Array>>>;

/** How each format writes a model. All but `torch` throw ERR_EXPORT as `forwardGraph` does. */
export const EXPORT_FORMATS = { onnx, savedmodel, torch, tfjs } as const satisfies Record<
  string,
  (trained: TrainedModel) => ExportedFiles
>;

/** The name of a format. */
export type ExportFormat = keyof typeof EXPORT_FORMATS;

/** One ONNX file of opset 21, with operators of the standard alone. */
function onnx(trained: TrainedModel): ExportedFiles {
  const graph = forwardGraph(trained, (traced) => optimize(traced).graph);
  return { "model.onnx": [emitOnnx(graph, "webgpu")] };
}

/** A SavedModel without variables, with the signature `serving_default`. */
function savedmodel(trained: TrainedModel): ExportedFiles {
  const { nodes, signature } = serveInTensorflow(forwardGraph(trained, optimizeForTensorflow));
  return { "saved_model.pb": [writeSavedModel(nodes, signature)] };
}

/** Parameters under their names, and the module that takes them. */
function torch({ model, parameters }: TrainedModel): ExportedFiles {
  const tensors = parameterLayout(model).tensors.map(({ name, shape, offset, length }) => ({
    ...{ name, shape },
    values: parameters.subarray(offset, offset + length),
  }));
  return {
    "model.safetensors": safetensorsPieces(tensors, { format: "pt", producer: "smallinit" }),
    "model.py": [Buffer.from(TORCH_MODEL)],
  };
}

/** A graph model for tfjs's `loadGraphModel`. */
function tfjs(trained: TrainedModel): ExportedFiles {
  const { nodes, signature } = serveInTensorflow(forwardGraph(trained, optimizeForTensorflow));
  const constants = nodes.flatMap(({ name, attributes }) => {
    const { value } = attributes;
    return value !== undefined && "tensor" in value ? [{ name, tensor: value.tensor }] : [];
  });
  const description = {
    format: "graph-model",
    generatedBy: "smallinit",
    signature: signatureJson(signature),
    modelTopology: graphJson(nodes),
    weightsManifest: [
      {
        paths: [TFJS_WEIGHTS],
        weights: constants.map(({ name, tensor: { shape, type } }) => ({
          name,
          shape,
          dtype: type,
        })),
      },
    ],
  };
  return {
    "model.json": [Buffer.from(JSON.stringify(description))],
    [TFJS_WEIGHTS]: constants.map(({ tensor }) => tensor.bytes),
  };
}

const TFJS_WEIGHTS = "weights.bin";
