import * as tf from "@tensorflow/tfjs-core";

/** Far below every score, so that its exponential is 0, and finite, so that no NaN arises. */
export const UNSEEN = -1e30;

/** The operands of an attention, per head. */
export interface DotProductOperands {
  /** f32[B, H, T, D]. */
  readonly query: tf.Tensor4D;
  /** f32[B, H, S, D]. */
  readonly keys: tf.Tensor4D;
  /** f32[B, H, S, D]. */
  readonly values: tf.Tensor4D;
  /** f32[T, S], added to the scores: 0 where a query sees, `UNSEEN` where not. */
  readonly mask: tf.Tensor2D;
}

/**
 * Scaled dot-product attention (Vaswani et al. 2017), with s = 1/√D:
 *
 *     P = softmax(s Q Kᵀ + mask),   O = P V
 *
 * and its gradient, where the softmax's row sums Σⱼ dP·P are taken over D numbers instead of S, as
 * Σ dO·O (Dao et al. 2022, equation 4):
 *
 *     dV = Pᵀ dO,   dS = P · (dO Vᵀ − rowsum(dO · O)),   dQ = s dS K,   dK = dSᵀ (s Q).
 *
 * @returns f32[B, H, T, D].
 */
export function scaledDotProduct(operands: DotProductOperands): tf.Tensor4D {
  const { query, keys, values, mask } = operands;
  const scale = 1 / Math.sqrt(query.shape[3]);
  const attend = tf.customGrad((...inputs) => {
    const [q, k, v, save] = inputs as unknown as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    // Scaling the queries is scaling the scores, on fewer numbers.
    const scaled = tf.mul(q, scale); // [B, H, T, D]
    const scores = tf.matMul(scaled, k, false, true); // [B, H, T, S]
    const weights = tf.softmax(tf.add(scores, mask)); // [B, H, T, S]
    const mixed = tf.matMul(weights, v); // [B, H, T, D]
    save([scaled, k, v, weights, mixed]);
    return { value: mixed, gradFunc: (dy, saved) => attendGradient(scale, dy as tf.Tensor, saved) };
  });
  return attend(query, keys, values) as tf.Tensor4D;
}

function attendGradient(scale: number, dMixed: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] {
  const [scaled, keys, values, weights, mixed] = saved as [
    ...[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor],
  ];
  const dValues = tf.matMul(weights, dMixed, true, false); // [B, H, S, D]
  const dWeights = tf.matMul(dMixed, values, false, true); // [B, H, T, S]
  const rowSum = tf.sum(tf.mul(dMixed, mixed), 3, true); // [B, H, T, 1]
  const dScores = tf.mul(weights, tf.sub(dWeights, rowSum)); // [B, H, T, S]
  const dQuery = tf.mul(tf.matMul(dScores, keys), scale); // [B, H, T, D]
  const dKeys = tf.matMul(dScores, scaled, true, false); // [B, H, S, D]
  return [dQuery, dKeys, dValues];
}
