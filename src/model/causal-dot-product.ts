import * as tf from "@tensorflow/tfjs-core";
import type { KeysAndValues } from "./attention.ts";
import { scaledDotProduct, UNSEEN } from "./scaled-dot-product.ts";

/**
 * Queries per block. A block's products stop at its last position, so with many blocks nearly half of
 * the work is left out; but small products are slow ones.
 */
const BLOCK = 128;

/**
 * Scaled dot-product attention of whole sequences, where position t sees 0 … t.
 *
 * @param query f32[B, H, T, D], like keys and values.
 * @returns f32[B, H, T, D].
 */
export function causalDotProduct(query: tf.Tensor4D, own: KeysAndValues): tf.Tensor4D {
  const length = query.shape[2];
  if (length <= BLOCK) return scaledDotProduct({ query, ...own, mask: causalMask(0, length) });
  const blocks: tf.Tensor4D[] = [];
  for (let start = 0; start < length; start += BLOCK) {
    const end = Math.min(start + BLOCK, length);
    blocks.push(
      scaledDotProduct({
        query: between(query, start, end), // [B, H, end - start, D]
        keys: between(own.keys, 0, end), // [B, H, end, D]
        values: between(own.values, 0, end), // [B, H, end, D]
        mask: causalMask(start, end), // [end - start, end]
      }),
    );
  }
  return tf.concat(blocks, 2); // [B, H, T, D]
}

/** The positions from `start` to before `end`. */
function between(x: tf.Tensor4D, start: number, end: number): tf.Tensor4D {
  const [numSequences, numHeads, , headSize] = x.shape;
  return tf.slice(x, [0, 0, start, 0], [numSequences, numHeads, end - start, headSize]);
}

function causalMask(start: number, end: number): tf.Tensor2D {
  const mask = new Float32Array((end - start) * end);
  for (let t = start; t < end; t++) {
    mask.fill(UNSEEN, (t - start) * end + t + 1, (t - start + 1) * end);
  }
  return tf.tensor2d(mask, [end - start, end]);
}
