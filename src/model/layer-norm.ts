import * as tf from "@tensorflow/tfjs-core";
import type { NormParameters } from "./model-parameters.ts";

/**
 * LayerNorm over the channels (Ba, Kiros & Hinton 2016): with the row's mean μ and biased variance σ²,
 *
 *     x̂ = (x − μ) / √(σ² + ε),   y = x̂ · w + b
 *
 * and, with d = dy · w,
 *
 *     dx = (d − mean(d) − x̂ · mean(d · x̂)) / √(σ² + ε),   dw = Σ dy · x̂,   db = Σ dy.
 *
 * ε is 1e-5 unless the configuration says otherwise: it decides how fast a small embedding grows (tfjs
 * and others default to 1e-3).
 *
 * @param x f32[N, C].
 * @returns f32[N, C].
 */
export function layerNorm(parameters: NormParameters, x: tf.Tensor2D): tf.Tensor2D {
  const { weight, bias, epsilon } = parameters;
  const normalize = tf.customGrad((...inputs) => {
    const [x_, w, b, save] = inputs as unknown as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      tf.GradSaveFunc,
    ];
    const centered = tf.sub(x_, tf.mean(x_, 1, true)); // [N, C]
    const variance = tf.mean(tf.square(centered), 1, true); // [N, 1]
    const inverseDeviation = tf.rsqrt(tf.add(variance, epsilon)); // [N, 1]
    const normal = tf.mul(centered, inverseDeviation); // [N, C]
    save([normal, inverseDeviation, w]);
    return { value: tf.add(tf.mul(normal, w), b), gradFunc: normalizeGradient };
  });
  return normalize(x, weight, bias) as tf.Tensor2D;
}

function normalizeGradient(dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] {
  const [normal, inverseDeviation, w] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
  const d = tf.mul(dy, w); // [N, C]
  const along = tf.mean(tf.mul(d, normal), 1, true); // [N, 1]
  const across = tf.sub(tf.sub(d, tf.mean(d, 1, true)), tf.mul(normal, along)); // [N, C]
  return [
    tf.mul(across, inverseDeviation), // [N, C]
    tf.sum(tf.mul(dy, normal), 0), // [C]
    tf.sum(dy, 0), // [C]
  ];
}
