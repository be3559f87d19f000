import * as tf from "@tensorflow/tfjs-core";
import type { LinearParameters } from "./model-parameters.ts";

/**
 * y = x Wᵀ + b.
 *
 * @param x f32[N, in].
 * @returns f32[N, out].
 */
export function linear(parameters: LinearParameters, x: tf.Tensor2D): tf.Tensor2D {
  const { weight, bias } = parameters;
  const product: tf.Tensor2D = tf.matMul(x, weight, false, true); // [N, out]
  return bias === undefined ? product : tf.add<tf.Tensor2D>(product, bias); // [N, out]
}
