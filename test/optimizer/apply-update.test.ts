import { describe, expect, test } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { seededRandom } from "../../src/base/random.ts";
import type { TensorPlace } from "../../src/base/tensor-place.ts";
import type { TrainingConfiguration } from "../../src/configuration/configuration.ts";
import { Arena, arenaBytes } from "../../src/kernels/arena.ts";
import { createKernels } from "../../src/kernels/kernels.ts";
import { applyUpdate, gradientNormOf } from "../../src/optimizer/apply-update.ts";
import { plainUpdate } from "./plain-optimizer.ts";
import { REFERENCE_FIXTURES, referenceFixture } from "./reference-fixture.ts";

const TRAINING: TrainingConfiguration = {
  ...{
    batchSize: 8,
    microBatchSize: 1,
    steps: 8,
    seed: 1,
    evaluateEvery: 0,
    checkpointEvery: 0,
    maxSkippedSteps: 0,
  },
  ...{ learningRate: 1e-3, minLearningRate: 1e-4, warmupSteps: 2, gradientClip: 1 },
  ...{ beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1 },
};

/** Two neighbours that decay, and others before, between and after, of lengths that fill no lane. */
const LAYOUT = placesOf([
  { name: "embed.weight", shape: [3, 5], decays: false },
  { name: "blocks.0.attn.query.weight", shape: [5, 5], decays: true },
  { name: "blocks.0.attn.key.weight", shape: [5, 5], decays: true },
  { name: "blocks.0.attn.key.bias", shape: [5], decays: false },
  { name: "blocks.0.ffn.in.weight", shape: [7, 5], decays: true },
  { name: "head.weight", shape: [3, 5], decays: false },
]);

test.each([
  { clip: "bites in every step", scale: 1, gradientClip: 1, why: "norms of about ten" },
  { clip: "bites in some steps", scale: 0.1, gradientClip: 1, why: "norms of about one" },
  { clip: "never bites", scale: 1e-3, gradientClip: 1, why: "small norms" },
  { clip: "is tiny", scale: 1e-7, gradientClip: 1e-6, why: "the 1e-6 beside the norm shows" },
])("follows the f64 reference over eight steps where the clip $clip", async (row) => {
  const { scale, gradientClip } = row;
  const training = { ...TRAINING, gradientClip };
  const numTokens = 192;
  const state = await trainingState(LAYOUT, 1);
  const plain = plainStateOf(state);
  const start = state.parameters.slice();

  for (let step = 0; step < 8; step++) {
    fillNormal(state.gradientSum, 100 + step, scale * numTokens * (1 + (step % 3)));
    const gradient = Float64Array.from(state.gradientSum, (value) => value / numTokens);
    const expectedNorm = plainUpdate(plain, gradient, { layout: LAYOUT, step, training });
    const gradientNorm = gradientNormOf(state.kernels, state.gradientSum, numTokens);
    expect(gradientNorm / expectedNorm).toBeCloseTo(1, 12);
    applyUpdate({ ...state, layout: LAYOUT, step, numTokens, gradientNorm, training });
  }
  for (const { offset, length } of LAYOUT) {
    const end = offset + length;
    // Parameters of 0.3 move by about 3e-3, and each step rounds them to f32 by up to 1.5e-8.
    const error = distance(state.parameters, plain.parameters, offset, end);
    expect(error / distance(start, plain.parameters, offset, end)).toBeLessThan(3e-5);
  }
  expect(distance(state.firstMoments, plain.firstMoments)).toBeLessThan(1e-6 * scale * 10);
  expect(distance(state.secondMoments, plain.secondMoments)).toBeLessThan(1e-6 * scale ** 2 * 10);
});

test("gives the same bits however the layout is cut into tensors", async () => {
  const digests = [];
  for (const layout of [LAYOUT, cutIntoRows(LAYOUT)]) {
    const state = await trainingState(layout, 2);
    fillNormal(state.gradientSum, 3, 10);
    const gradientNorm = gradientNormOf(state.kernels, state.gradientSum, 5);
    applyUpdate({ ...state, layout, step: 0, numTokens: 5, gradientNorm, training: TRAINING });
    digests.push(digestOf(state.parameters));
  }
  expect(digests[0]).toBe(digests[1]);
});

test("does not move a parameter that has never had a gradient and does not decay", async () => {
  const state = await trainingState(LAYOUT, 4);
  const before = state.parameters.slice();
  fillNormal(state.gradientSum, 5, 1);
  state.gradientSum.subarray(0, 15).fill(0);
  applyUpdate({
    ...state,
    layout: LAYOUT,
    step: 0,
    numTokens: 1,
    gradientNorm: 9,
    training: TRAINING,
  });
  expect(state.parameters.subarray(0, 15)).toEqual(before.subarray(0, 15));
  expect(state.parameters.subarray(15)).not.toEqual(before.subarray(15));
});

test.each([Number.NaN, Number.POSITIVE_INFINITY])(
  "refuses a gradient of norm %d by name and changes nothing",
  async (gradientNorm) => {
    const state = await trainingState(LAYOUT, 6);
    const before = state.parameters.slice();
    state.gradientSum.fill(1);
    const update = { ...state, layout: LAYOUT, step: 7, numTokens: 1, training: TRAINING };
    expect(() => applyUpdate({ ...update, gradientNorm })).toThrowError(
      expect.objectContaining({
        code: "ERR_NOT_FINITE",
        message: expect.stringContaining(`step 7 has the norm ${gradientNorm}`),
      }),
    );
    expect(state.parameters).toEqual(before);
    expect(state.firstMoments.every((value) => value === 0)).toBe(true);
  },
);

describe.each(REFERENCE_FIXTURES)("on %s", (name) => {
  test("finds the reference's gradient norm and makes its first step", async () => {
    const { layout, training, parameters, gradient, gradientNorms } = await referenceFixture(name);
    const state = await trainingState(layout, 0);
    const numTokens = 96;
    state.parameters.set(parameters);
    state.gradientSum.set(gradient.map((value) => value * numTokens));
    const plain = plainStateOf(state);
    plainUpdate(plain, Float64Array.from(gradient), { layout, step: 0, training });

    const gradientNorm = gradientNormOf(state.kernels, state.gradientSum, numTokens);
    applyUpdate({ ...state, layout, step: 0, numTokens, gradientNorm, training });

    expect(gradientNorm / (gradientNorms[0] ?? 0)).toBeCloseTo(1, 6);
    for (const { offset, length } of layout) {
      const end = offset + length;
      const moved = distance(parameters, plain.parameters, offset, end);
      expect(distance(state.parameters, plain.parameters, offset, end)).toBeLessThan(
        // What f32 parameters cannot help: half a unit in the last place of each.
        1e-5 * moved +
          6e-8 * distance(parameters, new Float64Array(parameters.length), offset, end),
      );
    }
  });
});

function placesOf(
  tensors: readonly Pick<TensorPlace, "name" | "shape" | "decays">[],
): readonly TensorPlace[] {
  let offset = 0;
  return tensors.map((tensor) => {
    const length = tensor.shape.reduce((product, size) => product * size, 1);
    offset += length;
    return { ...tensor, offset: offset - length, length };
  });
}

/** The same vector as tensors of one row each, so that no run is as long as before. */
function cutIntoRows(layout: readonly TensorPlace[]): readonly TensorPlace[] {
  return layout.flatMap(({ name, offset, length, decays }) =>
    Array.from({ length: length / 5 }, (_, row) => ({
      ...{ name: `${name}.${row}`, shape: [5], length: 5, decays },
      offset: offset + 5 * row,
    })),
  );
}

/** A training state on a memory of its own: random parameters, zero moments and gradient. */
async function trainingState(layout: readonly TensorPlace[], seed: number) {
  const numParams = layout.reduce((sum, { length }) => sum + length, 0);
  const kernels = await createKernels({ bytes: arenaBytes(Array(4).fill(numParams)) });
  const arena = new Arena(kernels);
  const parameters = arena.floats(numParams);
  fillNormal(parameters, seed, 0.3);
  const [gradientSum, firstMoments] = [arena.floats(numParams), arena.floats(numParams)];
  return { kernels, parameters, gradientSum, firstMoments, secondMoments: arena.floats(numParams) };
}

function plainStateOf(state: Awaited<ReturnType<typeof trainingState>>) {
  return {
    parameters: Float64Array.from(state.parameters),
    firstMoments: Float64Array.from(state.firstMoments),
    secondMoments: Float64Array.from(state.secondMoments),
  };
}

function fillNormal(vector: Float32Array, seed: number, deviation: number): void {
  const random = seededRandom(seed);
  for (let i = 0; i < vector.length; i++) vector[i] = random.normal() * deviation;
}

/** L2 distance of two vectors between two of their indices. */
function distance(a: Float32Array, b: Float64Array, start = 0, end = a.length): number {
  let sum = 0;
  for (let i = start; i < end; i++) sum += ((a[i] ?? 0) - (b[i] ?? 0)) ** 2;
  return Math.sqrt(sum);
}
