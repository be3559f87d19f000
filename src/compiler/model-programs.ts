import * as tf from "@tensorflow/tfjs-core";
import { defined } from "../base/assert.ts";
import type { ModelConfiguration } from "../configuration/configuration.ts";
import { decodeStep } from "../model/decode-step.ts";
import { forward } from "../model/forward.ts";
import { lossAndGradients, lossSum } from "../model/loss.ts";
import { parameterLayout } from "../model/parameter-layout.ts";
import type { Graph } from "./graph.ts";
import type { InputDeclaration } from "./tracing/trace.ts";
import { trace } from "./tracing/trace.ts";

/** Number and length of the sequences that a program is compiled for. */
export interface BlockShape {
  readonly numSequences: number;
  readonly length: number;
}

/** Name of the program's loss sum, f32[]. */
export const LOSS = "loss";
/** Name of the program's logits. */
export const LOGITS = "logits";
/** Name of the program's input tokens, i32[numSequences, length]. */
export const INPUTS = "inputs";
/** Name of the program's target tokens, i32[numSequences, length]. */
export const TARGETS = "targets";

/** The name under which a program returns the gradient of the parameter `name`. */
export function gradientName(name: string): string {
  return `gradient of ${name}`;
}

/** Inputs: the parameters by name, INPUTS, TARGETS. Outputs: LOSS, and a gradient for each parameter. */
export function traceGradient(model: ModelConfiguration, block: BlockShape): Graph {
  const { tensors } = parameterLayout(model);
  return trace(inputsOf(model, block, [INPUTS, TARGETS]), (given) => {
    const parameters = tensors.map(({ name }) => tensorNamed(given, name));
    const result = lossAndGradients(
      model,
      parameters,
      matrix(given, INPUTS),
      matrix(given, TARGETS),
    );
    const outputs: Record<string, tf.Tensor> = { [LOSS]: result.lossSum };
    for (const [i, { name }] of tensors.entries()) {
      outputs[gradientName(name)] = defined(result.gradients[i], name);
    }
    return outputs;
  });
}

/** Inputs: the parameters by name, INPUTS, TARGETS. Output: LOSS. */
export function traceLoss(model: ModelConfiguration, block: BlockShape): Graph {
  const { tensors } = parameterLayout(model);
  return trace(inputsOf(model, block, [INPUTS, TARGETS]), (given) => {
    const parameters = tensors.map(({ name }) => tensorNamed(given, name));
    return { [LOSS]: lossSum(model, parameters, matrix(given, INPUTS), matrix(given, TARGETS)) };
  });
}

/** Inputs: the parameters by name, INPUTS. Output: LOGITS, f32[numSequences · length, vocabSize]. */
export function traceLogits(model: ModelConfiguration, block: BlockShape): Graph {
  const { tensors } = parameterLayout(model);
  return trace(inputsOf(model, block, [INPUTS]), (given) => {
    const parameters = tensors.map(({ name }) => tensorNamed(given, name));
    return { [LOGITS]: forward(model, parameters, matrix(given, INPUTS)) };
  });
}

/**
 * As `traceLogits`, for a batch whose size no constant and no operation depends on, only shapes do: see
 * `withAnyBatch`. Output: LOGITS, f32[numSequences, length, vocabSize].
 */
export function traceForward(model: ModelConfiguration, block: BlockShape): Graph {
  const { numSequences, length } = block;
  const { tensors } = parameterLayout(model);
  return trace(inputsOf(model, block, [INPUTS]), (given) => {
    const parameters = tensors.map(({ name }) => tensorNamed(given, name));
    const inputs = matrix(given, INPUTS);
    const row = tf.tensor1d(
      Int32Array.from({ length }, (_, t) => t),
      "int32",
    ); // [T]
    const rows = tf.add(tf.mul(inputs, tf.scalar(0, "int32")), row); // [B, T]
    const positions = tf.reshape(rows, [numSequences * length]) as tf.Tensor1D; // [B · T]
    const logits = forward(model, parameters, inputs, positions); // [B · T, V]
    return { [LOGITS]: tf.reshape(logits, [numSequences, length, model.vocabSize]) }; // [B, T, V]
  });
}

/** Names of what a decode program takes beside the parameters; they are the fields of `DecodeInputs`. */
export const DECODE = {
  token: "token",
  position: "position",
  here: "here",
  mask: "mask",
  cos: "cos",
  sin: "sin",
} as const;

/** Names of a layer's keys and values, f32[H, T, D] each, among the inputs of a decode program. */
export function cacheNames(layer: number): { readonly keys: string; readonly values: string } {
  return { keys: `keys of layer ${layer}`, values: `values of layer ${layer}` };
}

/** The name under which a decode program returns what it will be given as `name` for the next token. */
export function nextName(name: string): string {
  return `next ${name}`;
}

/**
 * Inputs: the parameters by name, those of DECODE (without `cos` and `sin` for learned positions), and
 * each layer's cache. Outputs: LOGITS, f32[1, V], and each layer's cache with one position more, under `nextName`.
 */
export function traceDecode(model: ModelConfiguration): Graph {
  const layers = Array.from({ length: model.numLayers }, (_, layer) => cacheNames(layer));
  const { tensors } = parameterLayout(model);
  return trace([...parametersOf(model), ...decodeInputsOf(model)], (given) => {
    const parameters = tensors.map(({ name }) => tensorNamed(given, name));
    const inputs = {
      token: tensorNamed(given, DECODE.token) as tf.Tensor1D,
      position: tensorNamed(given, DECODE.position) as tf.Tensor1D,
      here: matrix(given, DECODE.here),
      mask: matrix(given, DECODE.mask),
      rotation:
        model.positions === "rotary"
          ? { cos: matrix(given, DECODE.cos), sin: matrix(given, DECODE.sin) }
          : undefined,
    };
    const before = {
      keys: layers.map(({ keys }) => tensorNamed(given, keys) as tf.Tensor3D),
      values: layers.map(({ values }) => tensorNamed(given, values) as tf.Tensor3D),
    };
    const { logits, cache } = decodeStep(model, parameters, inputs, before);
    const outputs: Record<string, tf.Tensor> = { [LOGITS]: logits };
    for (const [layer, { keys, values }] of layers.entries()) {
      outputs[nextName(keys)] = defined(cache.keys[layer], keys);
      outputs[nextName(values)] = defined(cache.values[layer], values);
    }
    return outputs;
  });
}

function decodeInputsOf(model: ModelConfiguration): readonly InputDeclaration[] {
  const { contextLength, embeddingSize, numHeads, numLayers } = model;
  const numPairs = Math.floor(embeddingSize / numHeads / 2) / 2;
  const floats = (name: string, shape: readonly number[]) =>
    ({ name, shape, dataType: "float32" }) as const;
  const cache = [numHeads, contextLength, embeddingSize / numHeads];
  return [
    { name: DECODE.token, shape: [1], dataType: "int32" },
    { name: DECODE.position, shape: [1], dataType: "int32" },
    floats(DECODE.here, [contextLength, 1]),
    floats(DECODE.mask, [1, contextLength]),
    ...[DECODE.cos, DECODE.sin]
      .filter(() => model.positions === "rotary")
      .map((name) => floats(name, [1, numPairs])),
    ...Array.from({ length: numLayers }, (_, layer) => cacheNames(layer)).flatMap(
      ({ keys, values }) => [floats(keys, cache), floats(values, cache)],
    ),
  ];
}

function parametersOf(model: ModelConfiguration): readonly InputDeclaration[] {
  return parameterLayout(model).tensors.map(({ name, shape }) => ({
    name,
    shape,
    dataType: "float32",
  }));
}

function inputsOf(
  model: ModelConfiguration,
  { numSequences, length }: BlockShape,
  tokenInputs: readonly string[],
): readonly InputDeclaration[] {
  return [
    ...parametersOf(model),
    ...tokenInputs.map((name) => ({
      name,
      shape: [numSequences, length],
      dataType: "int32" as const,
    })),
  ];
}

function tensorNamed(given: Readonly<Record<string, tf.Tensor>>, name: string): tf.Tensor {
  return defined(given[name], `traced input ${name}`);
}

function matrix(given: Readonly<Record<string, tf.Tensor>>, name: string): tf.Tensor2D {
  return tensorNamed(given, name) as tf.Tensor2D;
}
