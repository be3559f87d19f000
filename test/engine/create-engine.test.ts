import { afterEach, describe, expect, test, vi } from "vitest";
import { createEngine } from "../../src/engine/create-engine.ts";
import { sampleModel } from "../reference/sample-model.ts";

const options = { device: "cpu", model: sampleModel(), numThreads: 1 } as const;

/** A machine on which the native library cannot be loaded. */
function withoutOnnxRuntime(): void {
  vi.doMock("../../src/engine/onnx-engine.ts", () => {
    throw new Error("no native binding for this platform");
  });
}

function heard() {
  const warnings: string[] = [];
  const log = { info: () => undefined, warn: (message: string) => void warnings.push(message) };
  return { warnings, log };
}

describe("createEngine", () => {
  afterEach(() => {
    vi.doUnmock("../../src/engine/onnx-engine.ts");
    vi.resetModules();
  });

  test.each(["onnx", "tfjs"] as const)("gives the engine %s when asked for it", async (engine) => {
    await using created = await createEngine({ ...options, engine });
    expect(created.description.engine).toBe(engine);
  });

  test("takes onnx of its own accord, and says nothing", async () => {
    const { warnings, log } = heard();
    await using engine = await createEngine({ ...options, engine: "auto", log });
    expect(engine.description.engine).toBe("onnx");
    expect(warnings).toEqual([]);
  });

  test("takes tfjs where onnx does not work, and says why", async () => {
    withoutOnnxRuntime();
    const { warnings, log } = heard();
    await using engine = await createEngine({ ...options, engine: "auto", log });
    expect(engine.description.engine).toBe("tfjs");
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/onnx does not work here.*tfjs/s);
  });

  test("refuses by name where onnx was asked for and does not work", async () => {
    withoutOnnxRuntime();
    const creating = createEngine({ ...options, engine: "onnx" });
    await expect(creating).rejects.toMatchObject({ name: "TrainerError", code: "ERR_ENGINE" });
  });

  test("refuses webgpu for the engine that computes on the CPU alone", async () => {
    const creating = createEngine({ ...options, engine: "tfjs", device: "webgpu" });
    await expect(creating).rejects.toMatchObject({ code: "ERR_ENGINE" });
  });

  test("refuses a device that no engine has", async () => {
    const creating = createEngine({ ...options, engine: "auto", device: "gpu:0" });
    await expect(creating).rejects.toMatchObject({ code: "ERR_ENGINE" });
  });

  test("refuses bf16 on engines that have no such products, with the way out", async () => {
    const creating = createEngine({ ...options, engine: "onnx", precision: "bf16" });
    await expect(creating).rejects.toMatchObject({
      code: "ERR_ENGINE",
      message: expect.stringMatching(/onnx multiplies in f32 alone.*setup:tensorflow/s),
    });
  });

  test("says how to set tensorflow up where it is not", async () => {
    // A cache without a build; another test file may have loaded TensorFlow, this one has not.
    const environment = { XDG_CACHE_HOME: "/nonexistent" };
    const creating = createEngine({ ...options, engine: "tensorflow", environment });
    await expect(creating).rejects.toMatchObject({
      code: "ERR_ENGINE",
      message: expect.stringContaining("npm run setup:tensorflow"),
    });
  });

  test("leaves tensorflow alone where it is not set up", async () => {
    const environment = { XDG_CACHE_HOME: "/nonexistent" };
    await using engine = await createEngine({ ...options, engine: "auto", environment });
    expect(engine.description.engine).toBe("onnx");
  });
});
