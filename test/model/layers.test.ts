import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { crossEntropySum } from "../../src/model/cross-entropy.ts";
import { embedding } from "../../src/model/embedding.ts";
import { exactGelu, tanhGelu } from "../../src/model/gelu.ts";
import { layerNorm } from "../../src/model/layer-norm.ts";
import { rotate, rotationTable } from "../../src/model/rotary.ts";
import { scaledDotProduct, UNSEEN } from "../../src/model/scaled-dot-product.ts";
import { errorFunction } from "../reference/error-function.ts";
import { sampleModel } from "../reference/sample-model.ts";
import { differencesOf, gradientsOf, numbersOf } from "./on-tfjs.ts";

function normals(length: number, seed = 1): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length }, () => random.normal());
}

function expectNear(actual: Float32Array, expected: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  for (const [i, value] of actual.entries()) {
    expect(Math.abs(value - (expected[i] ?? Number.NaN)), `element ${i}`).toBeLessThan(tolerance);
  }
}

/** Another weight for every element of a result. */
function weightsFor(y: tf.Tensor): tf.Tensor {
  return tf.reshape(tf.tensor1d(normals(y.size, 99)), y.shape);
}

/** Checks the stated gradient of `f` at `point` against differences of its values. */
async function expectGradient(
  f: (x: tf.Tensor) => tf.Tensor,
  point: Float32Array,
  shape: number[],
): Promise<void> {
  const [stated] = await gradientsOf(
    (x) => f(x as tf.Tensor),
    () => [tf.tensor(point, shape)],
    () => weightsFor(f(tf.tensor(point, shape))),
  );
  const measured = await differencesOf((x) => {
    const y = f(tf.tensor(x, shape));
    return tf.sum(tf.mul(y, weightsFor(y)));
  }, point);
  expectNear(stated ?? new Float32Array(), measured, 5e-3);
}

describe("layerNorm", () => {
  const unit = (size: number, epsilon: number) => ({
    ...{ weight: tf.ones([size]), bias: tf.zeros([size]), epsilon },
  });

  test.each([
    // U(-1e-4, 1e-4) has variance 3.3e-9, far below either: √(3.3e-9 / ε) remains.
    { epsilon: 1e-5, expected: 0.0182 },
    { epsilon: 1e-3, expected: 0.00182 },
  ])("makes a small embedding start small, as ε = $epsilon says", async ({ epsilon, expected }) => {
    const random = seededRandom(1);
    const x = Float32Array.from({ length: 1024 }, () => (2 * random.uniform() - 1) * 1e-4);
    const y = await numbersOf(() =>
      layerNorm(unit(1024, epsilon) as never, tf.tensor2d(x, [1, 1024]) as tf.Tensor2D),
    );
    const rms = Math.sqrt(y.reduce((sum, value) => sum + value ** 2, 0) / y.length);
    expect(Math.abs(rms / expected - 1)).toBeLessThan(0.03);
  });

  test("has its own gradient for x, scale and shift", async () => {
    const [w, b, x] = [normals(6, 1), normals(6, 2), normals(18, 3)];
    const at = (x_: tf.Tensor, w_: tf.Tensor, b_: tf.Tensor) =>
      layerNorm(
        { weight: w_ as tf.Tensor1D, bias: b_ as tf.Tensor1D, epsilon: 1e-5 },
        x_ as tf.Tensor2D,
      );
    await expectGradient((x_) => at(x_, tf.tensor1d(w), tf.tensor1d(b)), x, [3, 6]);
    await expectGradient((w_) => at(tf.tensor2d(x, [3, 6]), w_, tf.tensor1d(b)), w, [6]);
    await expectGradient((b_) => at(tf.tensor2d(x, [3, 6]), tf.tensor1d(w), b_), b, [6]);
  });
});

describe("gelu", () => {
  const points = Float32Array.of(-30, -5, -1.5, -0.5, -1e-3, 0, 1e-3, 0.7, 2, 6, 30);
  const matrix = (x: Float32Array) => tf.tensor2d(x, [1, x.length]);

  test("is z times the normal distribution, far from zero too", async () => {
    const expected = [...points].map((z) => (z / 2) * (1 + errorFunction(z / Math.SQRT2)));
    expectNear(await numbersOf(() => exactGelu(matrix(points))), expected, 1e-6);
  });

  test("has its approximation with tanh, which differs by up to 5e-4", async () => {
    const expected = [...points].map(
      (z) => (z / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z ** 3))),
    );
    expectNear(await numbersOf(() => tanhGelu(matrix(points))), expected, 1e-6);
    const exact = await numbersOf(() => exactGelu(matrix(points)));
    const apart = Math.max(...expected.map((value, i) => Math.abs(value - (exact[i] ?? 0))));
    expect(apart).toBeGreaterThan(1e-5);
    expect(apart).toBeLessThan(5e-4);
  });

  test.each([
    ["exact", exactGelu],
    ["tanh", tanhGelu],
  ])("has its own gradient in the %s form", async (_, gelu) => {
    await expectGradient((x) => gelu(x as tf.Tensor2D), points, [1, points.length]);
  });
});

describe("rotate", () => {
  const model = sampleModel({ embeddingSize: 16, numHeads: 2 });
  function rotation(numPositions: number, firstPosition = 0) {
    const { cos, sin, numPairs } = rotationTable(model, numPositions, firstPosition);
    const shape: [number, number] = [numPositions, numPairs];
    return { cos: tf.tensor2d(cos, shape), sin: tf.tensor2d(sin, shape) };
  }
  const heads = (x: Float32Array) => tf.tensor4d(x, [1, 1, x.length / 8, 8]);

  test("turns pairs of halves, and passes the other half of a head", async () => {
    const x = normals(16);
    const y = await numbersOf(() => rotate(rotation(2), heads(x)));
    expect([...y.subarray(0, 8)]).toEqual([...x.subarray(0, 8)]); // Position 0 does not turn.
    const [a, b, c, d] = x.subarray(8, 12) as unknown as [number, number, number, number];
    const slow = 10_000 ** (-2 / 4);
    const expected = [
      a * Math.cos(1) - c * Math.sin(1),
      b * Math.cos(slow) - d * Math.sin(slow),
      c * Math.cos(1) + a * Math.sin(1),
      d * Math.cos(slow) + b * Math.sin(slow),
    ];
    expectNear(y.subarray(8, 12), expected, 1e-6);
    expect([...y.subarray(12)]).toEqual([...x.subarray(12)]);
  });

  test("makes scores depend on distance alone", async () => {
    const [query, key] = [normals(8, 4), normals(8, 5)];
    const score = async (t: number, s: number) =>
      (
        await numbersOf(() =>
          tf.sum(tf.mul(rotate(rotation(1, t), heads(query)), rotate(rotation(1, s), heads(key)))),
        )
      )[0] ?? Number.NaN;
    expect(await score(9, 4)).toBeCloseTo(await score(5, 0), 4);
    expect(Math.abs((await score(9, 4)) - (await score(9, 5)))).toBeGreaterThan(1e-2);
  });

  test("has its own gradient", async () => {
    await expectGradient((x) => rotate(rotation(3), x as tf.Tensor4D), normals(24), [1, 1, 3, 8]);
  });
});

describe("scaledDotProduct", () => {
  const shape: [number, number, number, number] = [2, 2, 3, 4];
  const [query, keys, values] = [normals(48, 1), normals(48, 2), normals(48, 3)];
  const mask = () => tf.tensor2d([0, UNSEEN, UNSEEN, 0, 0, UNSEEN, 0, 0, 0], [3, 3]) as tf.Tensor2D;
  const attend = (changes: { query?: tf.Tensor; keys?: tf.Tensor; values?: tf.Tensor }) =>
    scaledDotProduct({
      query: (changes.query ?? tf.tensor4d(query, shape)) as tf.Tensor4D,
      keys: (changes.keys ?? tf.tensor4d(keys, shape)) as tf.Tensor4D,
      values: (changes.values ?? tf.tensor4d(values, shape)) as tf.Tensor4D,
      mask: mask(),
    });

  test("gives a query that sees one position that position's values, exactly", async () => {
    const mixed = await numbersOf(() => attend({}));
    expect([...mixed.subarray(0, 4)]).toEqual([...values.subarray(0, 4)]);
  });

  test("has its own gradient for queries, keys and values", async () => {
    await expectGradient((x) => attend({ query: x }), query, shape);
    await expectGradient((x) => attend({ keys: x }), keys, shape);
    await expectGradient((x) => attend({ values: x }), values, shape);
  });
});

describe("crossEntropySum", () => {
  const targets = () => tf.tensor1d([2, 0], "int32");

  test("of equal logits is log V for every row", async () => {
    const [sum] = await numbersOf(() => crossEntropySum(tf.zeros([2, 5]), targets()));
    expect(sum).toBeCloseTo(2 * Math.log(5), 6);
  });

  test("is finite and exact where the target is hopeless", async () => {
    const logits = Float32Array.of(500, 0, -500, -1000, 1000, 0);
    const [sum] = await numbersOf(() => crossEntropySum(tf.tensor2d(logits, [2, 3]), targets()));
    expect(sum).toBe(3000);
  });

  test("has its own gradient, scaled by what follows it", async () => {
    const logits = normals(10);
    await expectGradient((x) => crossEntropySum(x as tf.Tensor2D, targets()), logits, [2, 5]);
    const at = (factor: number) =>
      gradientsOf(
        (x) => crossEntropySum(x as tf.Tensor2D, targets()),
        () => [tf.tensor2d(logits, [2, 5])],
        () => tf.scalar(factor),
      );
    const [[once = new Float32Array()], [thrice = new Float32Array()]] = [await at(1), await at(3)];
    expectNear(
      thrice,
      once.map((slope) => 3 * slope),
      1e-5,
    );
  });
});

describe("embedding", () => {
  test("adds up the gradients of a row that occurs more than once", async () => {
    const ids = () => tf.tensor1d([3, 1, 3], "int32");
    const weights = Float32Array.of(1, 2, 10, 20, 100, 200);
    const [slopes] = await gradientsOf(
      (table) => embedding(table as tf.Tensor2D, ids()),
      () => [tf.zeros([4, 2])],
      () => tf.tensor2d(weights, [3, 2]),
    );
    expect([...(slopes ?? [])]).toEqual([0, 0, 10, 20, 0, 0, 101, 202]);
  });
});
