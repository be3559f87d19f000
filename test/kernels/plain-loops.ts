import type { AdamWUpdate } from "../../src/kernels/kernels.ts";

const f = Math.fround;
const view = new DataView(new ArrayBuffer(4));

/** `add`, one float at a time. */
export function plainSum(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((value, i) => value + at(b, i));
}

/** The order that `sumOfSquares` promises. */
export function plainSumOfSquares(vector: Float32Array): number {
  const lanes = new Float64Array(8);
  const endOfGroups = vector.length - (vector.length % 8);
  for (let i = 0; i < endOfGroups; i++) lanes[i % 8] = at(lanes, i % 8) + at(vector, i) ** 2;
  const half = (first: number) =>
    at(lanes, first) + at(lanes, first + 2) + (at(lanes, first + 4) + at(lanes, first + 6));
  let sum = half(0) + half(1);
  for (const value of vector.subarray(endOfGroups)) sum += value ** 2;
  return sum;
}

/** `adamW` as its docstring says, every operation rounded to f32; returns the new p, m and v. */
export function plainAdamW(update: AdamWUpdate): readonly Float32Array[] {
  const { parameters, gradientSum, firstMoments, secondMoments, numUpdates } = update;
  const [beta1, beta2] = [f(update.beta1), f(update.beta2)];
  const [rest1, rest2] = [f(1 - update.beta1), f(1 - update.beta2)];
  const rate = f(update.learningRate / (1 - update.beta1 ** numUpdates));
  const correction = f(1 / Math.sqrt(1 - update.beta2 ** numUpdates));
  const decay = f(update.learningRate * update.weightDecay);
  const [epsilon, scale] = [f(update.epsilon), f(update.gradientScale)];

  const g = gradientSum.map((value) => value * scale);
  const m = firstMoments.map((value, i) => f(beta1 * value) + f(rest1 * at(g, i)));
  const v = secondMoments.map((value, i) => f(beta2 * value) + f(rest2 * f(at(g, i) ** 2)));
  const p = parameters.map((value, i) => {
    const denominator = f(f(f(Math.sqrt(at(v, i))) * correction) + epsilon);
    return value - f(f(decay * value) + f(f(rate * at(m, i)) / denominator));
  });
  return [p, m, v];
}

/** The bits of the bf16 nearest to `value`, of two equally near the even one: found by distance. */
export function plainBf16(value: number): number {
  const bits = bitsOf(value);
  const below = bits >>> 16;
  if (Number.isNaN(value)) return below | 0x40;
  if (!Number.isFinite(value)) return below;
  const sign = below & 0x8000;
  const magnitude = Math.abs(value);
  const lower = below & 0x7fff;
  // Past the largest finite bf16, the next step of the same size: nearer to it means infinite.
  const [low, high] = [plainFloat(lower), lower === 0x7f7f ? 2 ** 128 : plainFloat(lower + 1)];
  const [down, up] = [magnitude - low, high - magnitude];
  if (down === up) return sign | (lower % 2 === 0 ? lower : lower + 1);
  return sign | (down < up ? lower : lower + 1);
}

/** The f32 whose upper half is `half`. */
export function plainFloat(half: number): number {
  view.setUint32(0, half * 2 ** 16);
  return view.getFloat32(0);
}

function bitsOf(value: number): number {
  view.setFloat32(0, value);
  return view.getUint32(0);
}

/** `vector[i]`, which is there. */
export function at(vector: Float32Array | Float64Array, i: number): number {
  return vector[i] ?? Number.NaN;
}
