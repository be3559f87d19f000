import { describe, expect, test } from "vitest";
import { localDevices } from "../../src/launcher/local-devices.ts";

const A100 = { id: "GPU-8f1d", name: "A100" };
const TWO_GPUS = [
  { index: 0, ...A100 },
  { index: 3, ...A100 },
];

describe("local workers", () => {
  test.each([
    ["auto", "auto", TWO_GPUS, true, ["gpu:0", "gpu:3"]],
    ["auto", "tensorflow", TWO_GPUS, true, ["gpu:0", "gpu:3"]],
    ["gpu", "auto", TWO_GPUS, true, ["gpu:0", "gpu:3"]],
    // These engines have no CUDA.
    ["auto", "onnx", TWO_GPUS, true, ["cpu"]],
    ["auto", "auto", [], true, ["cpu"]],
    ["auto", "auto", [], false, ["cpu"]],
    ["cpu", "auto", TWO_GPUS, true, ["cpu"]],
    ["webgpu", "auto", TWO_GPUS, true, ["webgpu"]],
  ] as const)(
    "told %s, with engine %s, %o, CUDA %s: take %o",
    (wish, engine, gpus, hasCuda, devices) => {
      expect(localDevices(wish, engine, { gpus, hasCuda })).toEqual({ devices });
    },
  );

  test("say what they overlook, and the command that changes it", () => {
    const { devices, remark } = localDevices("auto", "auto", { gpus: TWO_GPUS, hasCuda: false });
    expect(devices).toEqual(["cpu"]);
    expect(remark).toContain("0 (A100), 3 (A100)");
    expect(remark).toContain("npm run setup:tensorflow -- --cuda");
  });

  test.each([
    ["there is no GPU", "auto", [], true, /shows no NVIDIA GPU/],
    ["nothing can use it", "auto", TWO_GPUS, false, /setup:tensorflow -- --cuda/],
    ["the engine cannot use it", "onnx", TWO_GPUS, true, /The engine onnx does not compute/],
  ] as const)("refuse --device gpu where %s", (_name, engine, gpus, hasCuda, message) => {
    expect(() => localDevices("gpu", engine, { gpus, hasCuda })).toThrow(message);
  });
});
