import * as tf from "@tensorflow/tfjs-core";
import { exactGelu, tanhGelu } from "./gelu.ts";
import { linear } from "./linear.ts";
import type { FeedForwardParameters } from "./model-parameters.ts";

/**
 * The feed-forward layer: GEGLU (Shazeer 2020), out(gelu(key(x)) · value(x)) with the exact gelu, or
 * the plain form, out(gelu_tanh(in(x))).
 *
 * @param x f32[N, C].
 * @returns f32[N, C].
 */
export function feedForward(parameters: FeedForwardParameters, x: tf.Tensor2D): tf.Tensor2D {
  return linear(parameters.out, hidden(parameters, x)); // [N, C]
}

function hidden(parameters: FeedForwardParameters, x: tf.Tensor2D): tf.Tensor2D {
  switch (parameters.form) {
    case "geglu":
      return tf.mul(exactGelu(linear(parameters.key, x)), linear(parameters.value, x)); // [N, F]
    case "gelu":
      return tanhGelu(linear(parameters.in, x)); // [N, F]
  }
}
