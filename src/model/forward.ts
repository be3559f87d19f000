import * as tf from "@tensorflow/tfjs-core";
import type { ModelConfiguration } from "../configuration/configuration.ts";
import { type AttentionSpan, attention } from "./attention.ts";
import { causalDotProduct } from "./causal-dot-product.ts";
import { embedding } from "./embedding.ts";
import { feedForward } from "./feed-forward.ts";
import { layerNorm } from "./layer-norm.ts";
import { type BlockParameters, type ModelParameters, modelParameters } from "./model-parameters.ts";
import { rotationTable } from "./rotary.ts";

/**
 * The logits of every position of a batch of sequences.
 *
 * Made of tfjs operations alone, with shapes that do not depend on values: what runs it decides
 * whether they compute at once or are recorded. Call it within `tf.tidy`.
 *
 * @param tensors the parameters in layout order.
 * @param inputs i32[B, T], token ids; T at most `contextLength`.
 * @param positions i32[B · T], each row's place in its sequence, where it is made otherwise than here.
 * @returns f32[B · T, V].
 */
export function forward(
  model: ModelConfiguration,
  tensors: readonly tf.Tensor[],
  inputs: tf.Tensor2D,
  positions = positionIds(inputs),
): tf.Tensor2D {
  const [numSequences, length] = inputs.shape;
  const parameters = modelParameters(model, tensors);
  const tokens = tf.reshape(inputs, [numSequences * length]) as tf.Tensor1D; // [N]
  const span = causalSpan(model, numSequences, length);
  const x = embedTokens(parameters, tokens, positions); // [N, C]
  return logitsOf(parameters, blocks(model, parameters, span, x)); // [N, V]
}

/**
 * Step 1: embedding, learned positions and LayerNorm, each where the model has it.
 *
 * @param tokens i32[N].
 * @param positions i32[N], each row's place in its sequence.
 * @returns f32[N, C].
 */
export function embedTokens(
  parameters: ModelParameters,
  tokens: tf.Tensor1D,
  positions: tf.Tensor1D,
): tf.Tensor2D {
  const { embed, pos, ln0 } = parameters;
  const token = embedding(embed, tokens); // [N, C]
  const placed = pos === undefined ? token : tf.add<tf.Tensor2D>(token, embedding(pos, positions)); // [N, C]
  return ln0 === undefined ? placed : layerNorm(ln0, placed); // [N, C]
}

/** Step 2: all blocks, one after another, f32[N, C] to f32[N, C]. */
export function blocks(
  model: ModelConfiguration,
  parameters: ModelParameters,
  span: AttentionSpan,
  x: tf.Tensor2D,
): tf.Tensor2D {
  const block = model.norm === "pre" ? preNormBlock : postNormBlock;
  return parameters.blocks.reduce((y, own, layer) => block(own, span, layer, y), x);
}

function preNormBlock(
  { ln1, attn, ln2, ffn }: BlockParameters,
  span: AttentionSpan,
  layer: number,
  x: tf.Tensor2D,
): tf.Tensor2D {
  const y = tf.add(x, attention(attn, span, layer, layerNorm(ln1, x))) as tf.Tensor2D; // [N, C]
  return tf.add(y, feedForward(ffn, layerNorm(ln2, y))); // [N, C]
}

function postNormBlock(
  { ln1, attn, ln2, ffn }: BlockParameters,
  span: AttentionSpan,
  layer: number,
  x: tf.Tensor2D,
): tf.Tensor2D {
  const y = layerNorm(ln1, x); // [N, C]
  const z = layerNorm(ln2, tf.add(y, attention(attn, span, layer, y))); // [N, C]
  return tf.add(z, feedForward(ffn, z)); // [N, C]
}

/** Step 3: the last LayerNorm and the head, f32[N, C] to f32[N, V]. */
export function logitsOf(parameters: ModelParameters, x: tf.Tensor2D): tf.Tensor2D {
  return tf.matMul(layerNorm(parameters.lnOut, x), parameters.head, false, true); // [N, V]
}

/** Whole sequences from position 0 on: position t sees 0 … t, keys and values are their own. */
function causalSpan(
  model: ModelConfiguration,
  numSequences: number,
  length: number,
): AttentionSpan {
  return {
    numSequences,
    length,
    numHeads: model.numHeads,
    rotation: model.positions === "rotary" ? rotationOf(model, length) : undefined,
    mix: causalDotProduct,
  };
}

function rotationOf(model: ModelConfiguration, length: number) {
  const { cos, sin, numPairs } = rotationTable(model, length);
  return { cos: tf.tensor2d(cos, [length, numPairs]), sin: tf.tensor2d(sin, [length, numPairs]) };
}

function positionIds({ shape: [numSequences, length] }: tf.Tensor2D): tf.Tensor1D {
  const ids = Int32Array.from({ length: numSequences * length }, (_, row) => row % length);
  return tf.tensor1d(ids, "int32"); // [N]
}
