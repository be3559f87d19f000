import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import { registerGradients } from "../../src/model/gradients.ts";

/** The numbers of what `compute` gives, run on the CPU backend; f32, row-major. */
export async function numbersOf(compute: () => tf.Tensor): Promise<Float32Array> {
  await ready();
  return tf.tidy(() => compute().dataSync<"float32">().slice());
}

/** The gradients of Σ f · dy at `points`, each row-major in the order of the points. */
export async function gradientsOf(
  f: (...points: tf.Tensor[]) => tf.Tensor,
  points: () => tf.Tensor[],
  dy: () => tf.Tensor,
): Promise<Float32Array[]> {
  await ready();
  const engine = tf.engine();
  engine.startScope();
  try {
    return tf
      .grads(f)(points(), dy())
      .map((slope) => slope.dataSync<"float32">().slice());
  } finally {
    engine.endScope();
  }
}

/**
 * Central differences of the scalar `f`, one number at a time; `step` is large because f32 rounds.
 * Good to about 1e-3 of the slope.
 */
export async function differencesOf(
  f: (point: Float32Array) => tf.Scalar,
  point: Float32Array,
  step = 1e-2,
): Promise<Float32Array> {
  const slopes = new Float32Array(point.length);
  for (let i = 0; i < point.length; i++) {
    const at = async (shift: number) => {
      const shifted = point.slice();
      shifted[i] = (shifted[i] ?? 0) + shift;
      return (await numbersOf(() => f(shifted)))[0] ?? Number.NaN;
    };
    slopes[i] = ((await at(step)) - (await at(-step))) / (2 * step);
  }
  return slopes;
}

async function ready(): Promise<void> {
  registerGradients();
  tf.enableProdMode();
  await tf.setBackend("cpu");
}
