import * as tf from "@tensorflow/tfjs-core";
import { linear } from "./linear.ts";
import type { AttentionParameters } from "./model-parameters.ts";
import { type Rotation, rotate } from "./rotary.ts";
import { scaledDotProduct } from "./scaled-dot-product.ts";

/** What an attention must know of the sequences whose rows it mixes. */
export interface AttentionSpan {
  /** B. */
  readonly numSequences: number;
  /** T: positions computed of each sequence. */
  readonly length: number;
  readonly numHeads: number;
  /** How positions turn queries and keys; undefined with learned positions. */
  readonly rotation: Rotation | undefined;
  /** Added to the scores: 0 where a position sees, `UNSEEN` where not; f32[T, S]. */
  readonly mask: tf.Tensor2D;
  /**
   * What the queries see, given keys and values of the positions computed, f32[B, H, T, D]: those
   * themselves, or with earlier ones, f32[B, H, S, D].
   */
  readonly see: (own: KeysAndValues, layer: number) => KeysAndValues;
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
 * @param layer the block's index, handed to `span.see`.
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
  const key = turn(splitHeads(linear(parameters.key, x), span)); // [B, H, T, D]
  const value = splitHeads(linear(parameters.value, x), span); // [B, H, T, D]
  const { keys, values } = span.see({ keys: key, values: value }, layer); // [B, H, S, D]
  const mixed = scaledDotProduct({ query, keys, values, mask: span.mask }); // [B, H, T, D]
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
