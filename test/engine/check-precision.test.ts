import { describe, expect, test } from "vitest";
import { checkPrecision } from "../../src/engine/check-precision.ts";
import { tensorflowVariables } from "../../src/engine/tensorflow-variables.ts";

describe("a precision", () => {
  test.each([
    ["cpu", "bf16", "2.9.1"],
    ["gpu:0", "f32", "2.9.1"],
    ["gpu:0", "bf16", "2.12.0"],
    ["gpu:1", "bf16", "2.21.0"],
    ["gpu:0", "bf16", "3.0.0"],
  ] as const)("is computed on %s in %s by TensorFlow %s", (device, precision, version) => {
    expect(() => checkPrecision({ device, precision, version })).not.toThrow();
  });

  // It would run on the CPU, unseen.
  test.each(["2.9.1", "2.11.0", "1.15.0"])(
    "bf16 on a GPU is refused by TensorFlow %s",
    (version) => {
      const question = { device: "gpu:0", precision: "bf16", version } as const;
      expect(() => checkPrecision(question)).toThrow(
        expect.objectContaining({
          code: "ERR_ENGINE",
          message: expect.stringMatching(/on the CPU, not on gpu:0.*--from wheel/s),
        }),
      );
    },
  );
});

describe("TensorFlow's environment", () => {
  test("keeps f32 products on a GPU in f32, where the default is TF32", () => {
    expect(tensorflowVariables("gpu:3", 2)).toMatchObject({
      NVIDIA_TF32_OVERRIDE: "0",
      CUDA_DEVICE_ORDER: "PCI_BUS_ID",
      CUDA_VISIBLE_DEVICES: "3",
    });
  });

  test("hides all GPUs from an engine on the CPU", () => {
    expect(tensorflowVariables("cpu", 2)).toMatchObject({
      CUDA_VISIBLE_DEVICES: "-1",
      TF_NUM_INTRAOP_THREADS: "2",
    });
  });
});
