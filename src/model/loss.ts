import * as tf from "@tensorflow/tfjs-core";
import type { ModelConfiguration } from "../configuration/configuration.ts";
import { crossEntropySum } from "./cross-entropy.ts";
import { forward } from "./forward.ts";
import { registerGradients } from "./gradients.ts";

/**
 * The sum over all B · T positions of the cross entropy in nats. A sum, never a mean: so the losses
 * and gradients of parts of a batch add up, and the step divides once.
 *
 * @param tensors the parameters in layout order.
 * @param inputs i32[B, T].
 * @param targets i32[B, T].
 * @returns f32[].
 */
export function lossSum(
  model: ModelConfiguration,
  tensors: readonly tf.Tensor[],
  inputs: tf.Tensor2D,
  targets: tf.Tensor2D,
): tf.Scalar {
  const logits = forward(model, tensors, inputs); // [N, V]
  return crossEntropySum(logits, tf.reshape(targets, [-1]) as tf.Tensor1D); // []
}

/** A loss sum and its gradient. */
export interface LossAndGradients {
  /** f32[]. */
  readonly lossSum: tf.Scalar;
  /** In layout order, each in the shape of its parameter. */
  readonly gradients: readonly tf.Tensor[];
}

/** `lossSum`, with its gradient with respect to every parameter; the caller owns both. */
export function lossAndGradients(
  model: ModelConfiguration,
  tensors: readonly tf.Tensor[],
  inputs: tf.Tensor2D,
  targets: tf.Tensor2D,
): LossAndGradients {
  registerGradients();
  const differentiated = tf.valueAndGrads((...own: tf.Tensor[]) =>
    lossSum(model, own, inputs, targets),
  );
  const { value, grads } = differentiated([...tensors]);
  return { lossSum: value, gradients: grads };
}
