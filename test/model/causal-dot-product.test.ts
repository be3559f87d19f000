import * as tf from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { causalDotProduct } from "../../src/model/causal-dot-product.ts";
import { scaledDotProduct, UNSEEN } from "../../src/model/scaled-dot-product.ts";
import { gradientsOf, numbersOf } from "./on-tfjs.ts";

type Attend = (query: tf.Tensor4D, keys: tf.Tensor4D, values: tf.Tensor4D) => tf.Tensor4D;

const causal: Attend = (query, keys, values) => causalDotProduct(query, { keys, values });

/** All positions at once, what a query must not see masked. */
const masked: Attend = (query, keys, values) => {
  const length = query.shape[2];
  const mask = Float32Array.from({ length: length ** 2 }, (_, i) =>
    i % length > Math.floor(i / length) ? UNSEEN : 0,
  );
  return scaledDotProduct({ query, keys, values, mask: tf.tensor2d(mask, [length, length]) });
};

test.each([
  ["shorter than a block", 3],
  ["a block and one position", 129],
  ["several blocks, the last one short", 300],
])("gives the values and gradients of one masked product: %s", async (_, length) => {
  const shape: [number, number, number, number] = [1, 2, length, 4];
  const operands = () => [1, 2, 3].map((seed) => normals(shape, seed)) as Parameters<Attend>;
  expectNear(
    await numbersOf(() => causal(...operands())),
    await numbersOf(() => masked(...operands())),
  );

  const slopesOf = (attend: Attend) =>
    gradientsOf(
      (...points) => attend(...(points as Parameters<Attend>)),
      operands,
      () => normals(shape, 4),
    );
  const expected = await slopesOf(masked);
  for (const [i, slopes] of (await slopesOf(causal)).entries()) {
    expectNear(slopes, expected[i] ?? new Float32Array());
  }
});

function normals(shape: [number, number, number, number], seed: number): tf.Tensor4D {
  const random = seededRandom(seed);
  const length = shape.reduce((product, size) => product * size);
  return tf.tensor4d(
    Float32Array.from({ length }, () => random.normal()),
    shape,
  );
}

function expectNear(actual: Float32Array, expected: Float32Array): void {
  expect(actual.length).toBe(expected.length);
  const worst = actual.reduce(
    (most, x, i) => Math.max(most, Math.abs(x - (expected[i] ?? NaN))),
    0,
  );
  expect(worst).toBeLessThan(1e-5);
}
