import * as tf from "@tensorflow/tfjs-core";
import { linear } from "./linear.ts";
import type { AttentionParameters } from "./model-parameters.ts";
import { type Rotation, rotate } from "./rotary.ts";

/** What an attention must know of the sequences whose rows it mixes. */
export interface AttentionSpan {
  /** B. */
  readonly numSequences: number;
  /** T: positions computed of each sequence. */
  readonly length: number;
  readonly numHeads: number;
  /** How positions turn queries and keys; undefined with learned positions. */
  readonly rotation: Rotation | undefined;
  /**
   * What each query takes from the positions that it sees, f32[B, H, T, D], given keys and values of the
   * positions computed.
   */
  readonly mix: (query: tf.Tensor4D, own: KeysAndValues, layer: number) => tf.Tensor4D;
}

/** Keys and values of all heads of one layer, f32[B, H, S, D] each. */
export interface KeysAndValues {
  readonly keys: tf.Tensor4D;
  readonly values: tf.Tensor4D;
}

/**
 * Attention of several heads (Vaswani et al. 2017), without dropout. Head h has the channels
 * h·D … h·D + D − 1.
 *
 * @param layer the block's index, handed to `span.mix`.
 * @param x f32[N, C], N = B · T.
 * @returns f32[N, C].
 */
export function attention(
  parameters: AttentionParameters,
  span: AttentionSpan,
  layer: number,
  x: tf.Tensor2D,
): tf.Tensor2D {
  const turn = (y: tf.Tensor4D) => (span.rotation === undefined ? y : rotate(span.rotation, y));
  const query = turn(splitHeads(linear(parameters.query, x), span)); // [B, H, T, D]
  const keys = turn(splitHeads(linear(parameters.key, x), span)); // [B, H, T, D]
  const values = splitHeads(linear(parameters.value, x), span); // [B, H, T, D]
  const mixed = span.mix(query, { keys, values }, layer); // [B, H, T, D]
  return linear(parameters.out, joinHeads(mixed)); // [N, C]
}

function splitHeads(x: tf.Tensor2D, span: AttentionSpan): tf.Tensor4D {
  const { numSequences, length, numHeads } = span;
  const headSize = x.shape[1] / numHeads;
  const heads = tf.reshape(x, [numSequences, length, numHeads, headSize]); // [B, T, H, D]
  return tf.transpose(heads, [0, 2, 1, 3]) as tf.Tensor4D; // [B, H, T, D]
}

function joinHeads(x: tf.Tensor4D): tf.Tensor2D {
  const [numSequences, numHeads, length, headSize] = x.shape;
  const rows = tf.transpose(x, [0, 2, 1, 3]); // [B, T, H, D]
  return tf.reshape(rows, [numSequences * length, numHeads * headSize]); // [N, C]
}
