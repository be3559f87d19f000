import * as tf from "@tensorflow/tfjs-core";
import type { ModelConfiguration } from "../configuration/configuration.ts";
import type { AttentionSpan } from "./attention.ts";
import { blocks, embedTokens, logitsOf } from "./forward.ts";
import { modelParameters } from "./model-parameters.ts";
import { type Rotation, type RotationTable, rotationTable } from "./rotary.ts";
import { scaledDotProduct, UNSEEN } from "./scaled-dot-product.ts";

/** Keys and values of the positions fed so far, one f32[H, T, D] of each per layer; zero at first. */
export interface KeyValueCache {
  readonly keys: readonly tf.Tensor3D[];
  readonly values: readonly tf.Tensor3D[];
}

/** The next token and its position, said with tensors, so that one recorded graph serves every position. */
export interface DecodeInputs {
  /** i32[1]. */
  readonly token: tf.Tensor1D;
  /** i32[1]: t. */
  readonly position: tf.Tensor1D;
  /** f32[T, 1]: 1 at t, else 0. */
  readonly here: tf.Tensor2D;
  /** f32[1, T]: 0 at positions 0 … t, else `UNSEEN`. */
  readonly mask: tf.Tensor2D;
  /** f32[1, R/2] each: the rotation of t; undefined with learned positions. */
  readonly rotation: Rotation | undefined;
}

/** What one token gives. */
export interface DecodeOutputs {
  /** f32[1, V]: the logits of the position after it. */
  readonly logits: tf.Tensor2D;
  /** The cache with this position's keys and values; the given one is left as it was. */
  readonly cache: KeyValueCache;
}

/**
 * One token through the same blocks as `forward`, attending to the cached positions before it.
 *
 * @param tensors the parameters in layout order.
 */
export function decodeStep(
  model: ModelConfiguration,
  tensors: readonly tf.Tensor[],
  inputs: DecodeInputs,
  cache: KeyValueCache,
): DecodeOutputs {
  const parameters = modelParameters(model, tensors);
  const keys: tf.Tensor3D[] = [];
  const values: tf.Tensor3D[] = [];
  const span: AttentionSpan = {
    numSequences: 1,
    length: 1,
    numHeads: model.numHeads,
    rotation: inputs.rotation,
    mix(query, own, layer) {
      const seenKeys = withRow(cache.keys[layer] as tf.Tensor3D, inputs.here, own.keys);
      const seenValues = withRow(cache.values[layer] as tf.Tensor3D, inputs.here, own.values);
      keys.push(seenKeys);
      values.push(seenValues);
      return scaledDotProduct({
        query,
        keys: tf.expandDims(seenKeys, 0) as tf.Tensor4D, // [1, H, T, D]
        values: tf.expandDims(seenValues, 0) as tf.Tensor4D, // [1, H, T, D]
        mask: inputs.mask, // [1, T]
      });
    },
  };
  const x = embedTokens(parameters, inputs.token, inputs.position); // [1, C]
  const logits = logitsOf(parameters, blocks(model, parameters, span, x)); // [1, V]
  return { logits, cache: { keys, values } };
}

/** `cached` with `row`, f32[1, H, 1, D], added at the position where `here` is 1, zero until then. */
function withRow(cached: tf.Tensor3D, here: tf.Tensor2D, row: tf.Tensor4D): tf.Tensor3D {
  const spread = tf.mul(tf.squeeze(row, [0]), here); // [H, T, D]
  return tf.add(cached, spread); // [H, T, D]
}

/** The numbers of `DecodeInputs` at one position, row-major. */
export interface DecodePosition {
  readonly here: Float32Array;
  readonly mask: Float32Array;
  /** Undefined with learned positions. */
  readonly rotation: RotationTable | undefined;
}

/** What `decodeStep` is told at position t, which is below `contextLength`. */
export function decodePosition(model: ModelConfiguration, position: number): DecodePosition {
  const { contextLength } = model;
  return {
    here: new Float32Array(contextLength).fill(1, position, position + 1),
    mask: new Float32Array(contextLength).fill(UNSEEN, position + 1),
    rotation: model.positions === "rotary" ? rotationTable(model, 1, position) : undefined,
  };
}
