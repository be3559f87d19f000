import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import type { ParameterPlace } from "../../src/compiler/tensorflow/program-for-tensorflow.ts";
import type { ModelConfiguration } from "../../src/configuration/configuration.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { isSeenInPlace } from "../../src/engine/is-seen-in-place.ts";
import { createTensorflowEngine } from "../../src/engine/tensorflow-engine.ts";
import { createMemory } from "../../src/kernels/create-memory.ts";
import { parameterLayout } from "../../src/model/parameter-layout.ts";
import {
  oracleLoss,
  sampleBlock,
  sampleModel,
  sampleParameters,
} from "../reference/sample-model.ts";
import { describeWithTensorflow, tensorflowHere } from "../with-tensorflow.ts";
import { engineContract } from "./engine-contract.ts";

/** As a worker's vectors: on WebAssembly's memory, where TensorFlow can see them. */
function sharedFloats(length: number): Float32Array {
  return new Float32Array(createMemory(4 * length).buffer, 0, length);
}

function createEngine(
  model: ModelConfiguration,
  precision: "f32" | "bf16",
  parameters: ParameterPlace = "fed",
): Promise<Engine> {
  const here = { device: "cpu", numThreads: 1, environment: process.env } as const;
  return createTensorflowEngine({ model, precision, parameters, ...here });
}

describeWithTensorflow("with libtensorflow", () => {
  engineContract("tensorflow", (model) => createEngine(model, "f32"));
  // The way that a GPU takes, where its graphs cannot be tried otherwise.
  describe("with parameters in variables", () => {
    engineContract("tensorflow", (model) => createEngine(model, "f32", "variable"));

    test.each(["f32", "bf16"] as const)(
      "gives the bits of the fed engine in %s",
      async (precision) => {
        const model = sampleModel();
        const fed = await gradientOf(model, precision);
        expect(await gradientOf(model, precision, "variable")).toEqual(fed);
      },
    );

    test("takes shared parameters that have changed once they are put again", async () => {
      const model = sampleModel();
      const shared = sharedFloats(parameterLayout(model).numParams);
      shared.set(sampleParameters(model));
      await using engine = await createEngine(model, "f32", "variable");
      engine.putParameters(shared);
      const before = await engine.loss(sampleBlock(model));
      shared.set(sampleParameters(model, 5));
      engine.putParameters(shared);
      const expected = oracleLoss(model, sampleParameters(model, 5), sampleBlock(model));
      const after = await engine.loss(sampleBlock(model));
      expect(after).not.toBe(before);
      expect(Math.abs(after - expected) / expected).toBeLessThan(2e-5);
    });
  });

  test.each([
    // The parameters, and where their gradients go.
    ["fed", (numTensors: number) => 1 + numTensors],
    ["variable", () => 0],
  ] as const)(
    "leaves no tensor behind, whatever it was asked, with parameters %s",
    async (place, numKept) => {
      const { binding } = tensorflowHere();
      const model = sampleModel();
      const gradient = new Float32Array(parameterLayout(model).numParams);
      const numBefore = binding.getNumOfTensors();
      {
        await using engine = await createEngine(model, "f32", place);
        for (let i = 0; i < 3; i++) {
          engine.putParameters(sampleParameters(model));
          await engine.gradient(sampleBlock(model), gradient);
          await engine.loss(sampleBlock(model));
          await engine.logits(sampleBlock(model));
          await using decoder = await engine.decoder();
          await decoder.feed(1);
          await decoder.feed(2);
        }
        const kept = numKept(parameterLayout(model).tensors.length);
        expect(binding.getNumOfTensors()).toBe(numBefore + kept);
      }
      expect(binding.getNumOfTensors()).toBe(numBefore);
    },
  );

  test("writes the same gradient straight into shared memory as into any other", async () => {
    // Widths of whole cache lines, as in models of use; other models go by way of a copy.
    const model = sampleModel({ embeddingSize: 16, numHeads: 2, ffnSize: 32, vocabSize: 16 });
    const { tensors, numParams } = parameterLayout(model);
    expect(tensors.every(({ offset }) => offset % 16 === 0)).toBe(true);
    const [parameters, gradient] = [sharedFloats(numParams), sharedFloats(numParams)];
    parameters.set(sampleParameters(model));
    await using engine = await createEngine(model, "f32");
    engine.putParameters(parameters);
    const plain = new Float32Array(numParams);
    for (let step = 0; step < 2; step++) {
      const loss = await engine.gradient(sampleBlock(model), gradient);
      expect(await engine.gradient(sampleBlock(model), plain)).toBe(loss);
      expect(gradient).toEqual(plain);
      expect(gradient.some((slope) => slope !== 0)).toBe(true);
      // The second time with other parameters, put again as after an update.
      for (const i of parameters.keys()) parameters[i] = (parameters[i] ?? 0) * 0.9;
      engine.putParameters(parameters);
    }
    await using other = await createEngine(model, "f32");
    other.putParameters(parameters.slice());
    const expected = await other.gradient(sampleBlock(model), plain);
    expect(await engine.gradient(sampleBlock(model), gradient)).toBe(expected);
    expect(gradient).toEqual(plain);
  });

  test("looks at shared memory in place, and at nothing else", () => {
    const { binding } = tensorflowHere();
    const shared = sharedFloats(64).fill(3);
    expect(isSeenInPlace(binding, shared)).toBe(true);
    expect(isSeenInPlace(binding, shared.subarray(16))).toBe(true);
    expect(isSeenInPlace(binding, shared.subarray(1))).toBe(false);
    expect(isSeenInPlace(binding, new Float32Array(64))).toBe(false);
    expect(shared.every((x) => x === 3)).toBe(true);
  });

  describe("in bf16", () => {
    const model = sampleModel();

    test("comes as near to the oracle's loss as products of 8 bits can", async () => {
      await using engine = await createEngine(model, "bf16");
      engine.putParameters(sampleParameters(model));
      const expected = oracleLoss(model, sampleParameters(model), sampleBlock(model));
      const error = Math.abs((await engine.loss(sampleBlock(model))) - expected) / expected;
      expect(error).toBeLessThan(1e-2);
      // And it is not f32 by another name.
      expect(error).toBeGreaterThan(1e-6);
    });

    test("gives a gradient in nearly the direction of that of f32", async () => {
      const [short, long] = await Promise.all(
        (["bf16", "f32"] as const).map((precision) => gradientOf(model, precision)),
      );
      expect(cosine(short ?? [], long ?? [])).toBeGreaterThan(0.999);
    });

    test("gives the same bits for the same block", async () => {
      expect(await gradientOf(model, "bf16")).toEqual(await gradientOf(model, "bf16"));
    });
  });

  // TensorFlow takes its number of threads once per process; workers of a fleet may differ in it.
  test.each(["f32", "bf16"])(
    "gives the same bits with any number of threads in %s",
    (precision) => {
      const digests = [1, 2, 4].map((numThreads) => digestsWith(numThreads, precision));
      expect(digests[1]).toBe(digests[0]);
      expect(digests[2]).toBe(digests[0]);
    },
  );
});

async function gradientOf(
  model: ModelConfiguration,
  precision: "f32" | "bf16",
  place: ParameterPlace = "fed",
): Promise<Float32Array> {
  await using engine = await createEngine(model, precision, place);
  engine.putParameters(sampleParameters(model));
  const gradient = new Float32Array(parameterLayout(model).numParams);
  await engine.gradient(sampleBlock(model), gradient);
  return gradient;
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [product, lengthA, lengthB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] ?? Number.NaN, b[i] ?? Number.NaN];
    product += x * y;
    lengthA += x * x;
    lengthB += y * y;
  }
  return product / Math.sqrt(lengthA * lengthB);
}

/** The digests of gradients of models of several sizes, by a process with that many threads. */
function digestsWith(numThreads: number, precision: string): string {
  const program = new URL("print-tensorflow-digests.mjs", import.meta.url).pathname;
  return execFileSync(process.execPath, [program, String(numThreads), precision], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
}
