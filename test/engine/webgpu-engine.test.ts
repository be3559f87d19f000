import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { newValue } from "../../src/compiler/graph.ts";
import { createEngine } from "../../src/engine/create-engine.ts";
import { formatReport } from "../../src/engine/format-report.ts";
import { createOnnxEngine } from "../../src/engine/onnx-engine.ts";
import { compileOnnxProgram, openWebGpu } from "../../src/engine/onnx-program.ts";
import { verifyFolders } from "../../src/engine/verify.ts";
import { parameterLayout } from "../../src/model/parameter-layout.ts";
import { sampleBlock, sampleModel, sampleParameters } from "../reference/sample-model.ts";
import { engineContract } from "./engine-contract.ts";
import { hasWebGpu, WEBGPU_HINT } from "./webgpu-adapter.ts";

// A software device takes its time to compile shaders, half a minute where others compute as well.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

describe.skipIf(!hasWebGpu())(`on webgpu ${WEBGPU_HINT}`, () => {
  // Open throughout, so that each shader is compiled once: on a software device that is the time it takes.
  let device: AsyncDisposable;
  beforeAll(async () => {
    device = await openWebGpu();
  });
  afterAll(() => device[Symbol.asyncDispose]());

  engineContract("onnx", (model) => createOnnxEngine({ model, device: "webgpu", numThreads: 1 }));

  test("says that it is on webgpu, whichever name it was asked for by", async () => {
    for (const engine of ["onnx", "auto"] as const) {
      const options = { engine, device: "webgpu", model: sampleModel(), numThreads: 4 };
      await using created = await createEngine(options);
      expect(created.description).toMatchObject({ engine: "onnx", device: "webgpu" });
    }
  });

  test("gives the same bits every time, in another engine as well", async () => {
    const model = sampleModel({ contextLength: 40, embeddingSize: 40, vocabSize: 101 });
    const block = sampleBlock(model, { numSequences: 3 });
    const gradient = new Float32Array(parameterLayout(model).numParams);
    const digests: string[] = [];
    for (let i = 0; i < 2; i++) {
      await using engine = await createOnnxEngine({ model, device: "webgpu", numThreads: 1 });
      engine.putParameters(sampleParameters(model));
      for (let j = 0; j < 3; j++) {
        digests.push(`${await engine.gradient(block, gradient)} ${digestOf(gradient)}`);
      }
    }
    expect(new Set(digests)).toHaveProperty("size", 1);
  });

  test("refuses a graph with an operator that only the CPU has, instead of running it there", async () => {
    const [ids, hot] = [newValue([2], "int32"), newValue([2, 3])];
    const operation = { type: "oneHot", depth: 3, onValue: 1, offValue: 0 } as const;
    const graph = {
      inputs: [{ name: "ids", value: ids }],
      constants: [],
      nodes: [{ operation, inputs: [ids], outputs: [hot] }],
      outputs: [{ name: "hot", value: hot }],
    };
    const compiling = compileOnnxProgram(graph, { device: "webgpu", numThreads: 1 });
    await expect(compiling).rejects.toMatchObject({
      code: "ERR_ENGINE",
      message: expect.stringMatching(/on webgpu.*CPU/),
    });
  });

  test.each([
    "pre-small-rotary-geglu-random",
    "post-small-rotary-geglu-random",
    "pre-base-learned-gelu-random",
  ])("is within every tolerance of %s", async (fixture) => {
    const folder = fileURLToPath(new URL(`../fixtures/reference/${fixture}`, import.meta.url));
    const options = { engines: ["onnx"], device: "webgpu", numThreads: 1 } as const;
    const report = await verifyFolders([folder], options);
    expect(formatReport(report)).not.toMatch(/FAILED/);
    expect(report.passed).toBe(true);
  });
});
