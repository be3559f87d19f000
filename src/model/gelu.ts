import * as tf from "@tensorflow/tfjs-core";

/**
 * GELU by the normal distribution (Hendrycks & Gimpel 2016), of any shape:
 *
 *     gelu(z) = z · Φ(z),   Φ(z) = (1 + erf(z/√2)) / 2,   gelu'(z) = Φ(z) + z · exp(−z²/2) / √(2π).
 */
export function exactGelu(z: tf.Tensor2D): tf.Tensor2D {
  return exact(z) as tf.Tensor2D;
}

const exact = tf.customGrad((...inputs) => {
  const [z, save] = inputs as unknown as [tf.Tensor, tf.GradSaveFunc];
  const distribution = tf.mul(tf.add(tf.erf(tf.mul(z, Math.SQRT1_2)), 1), 0.5);
  save([z, distribution]);
  return { value: tf.mul(z, distribution), gradFunc: exactGradient };
});

function exactGradient(dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor {
  const [z, distribution] = saved as [tf.Tensor, tf.Tensor];
  const density = tf.mul(tf.exp(tf.mul(tf.square(z), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return tf.mul(dy, tf.add(distribution, tf.mul(z, density)));
}

/**
 * GELU by its approximation with tanh (the same paper), of any shape: with u = √(2/π) (z + 0.044715 z³),
 *
 *     gelu(z) = z/2 · (1 + tanh u),   gelu'(z) = (1 + tanh u)/2 + z/2 · (1 − tanh² u) · u'.
 */
export function tanhGelu(z: tf.Tensor2D): tf.Tensor2D {
  return approximate(z) as tf.Tensor2D;
}

const SLOPE = Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715;

const approximate = tf.customGrad((...inputs) => {
  const [z, save] = inputs as unknown as [tf.Tensor, tf.GradSaveFunc];
  const stretch = tf.add(tf.mul(tf.square(z), SLOPE * CUBIC), SLOPE);
  const tanh = tf.tanh(tf.mul(z, stretch));
  save([z, tanh]);
  return { value: tf.mul(tf.mul(z, 0.5), tf.add(tanh, 1)), gradFunc: approximateGradient };
});

function approximateGradient(dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor {
  const [z, tanh] = saved as [tf.Tensor, tf.Tensor];
  const slope = tf.add(tf.mul(tf.square(z), 3 * SLOPE * CUBIC), SLOPE); // u'
  const bend = tf.mul(tf.mul(z, slope), tf.sub(1, tf.square(tanh)));
  return tf.mul(dy, tf.mul(tf.add(tf.add(tanh, 1), bend), 0.5));
}
