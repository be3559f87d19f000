import { describe, expect, test } from "vitest";
import { TrainerError } from "../../src/base/errors.ts";
import { examine } from "../../src/doctor/examine.ts";
import { BROKEN_ONNX, examinationOf, HEALTHY, ONNX, TFJS } from "./healthy-machine.ts";

describe("examine", () => {
  test("reports what the probes say, and recommends the fastest engine", async () => {
    const examination = examinationOf([TFJS, ONNX]);
    const report = await examine(examination);
    expect(report).toMatchObject({
      engines: [TFJS, ONNX],
      kernels: { addGigabytesPerSecond: 20, adamWGigabytesPerSecond: 30 },
      loopback: { gigabytesPerSecond: 1.25 },
      best: { engine: "onnx", device: "cpu" },
      missing: [],
    });
  });

  test("says what it does, before it does it", async () => {
    const examination = examinationOf([ONNX, TFJS]);
    await examine(examination);
    expect(examination.progress).toEqual([
      "Looking at this machine",
      "Trying the engine onnx on cpu",
      "Trying the engine tfjs on cpu",
      "Measuring the loops over vectors",
      "Measuring a WebSocket on loopback",
    ]);
  });

  test("shares seven seconds among the engines, or none", async () => {
    const asked: number[] = [];
    const engine = async (_: unknown, measureMs: number) => {
      asked.push(measureMs);
      return ONNX;
    };
    await examine(examinationOf([ONNX, TFJS], { engine }));
    await examine({ ...examinationOf([ONNX], { engine }), measuresSpeed: false });
    expect(asked).toEqual([3500, 3500, 0]);
  });

  test("tries what needs a GPU only where one is seen", async () => {
    const onGpu = { ...ONNX, device: "gpu:0" };
    const machine = async () => ({
      ...HEALTHY,
      gpus: [{ index: 0, id: "GPU-8f1d", name: "NVIDIA A100" }],
    });
    const without = await examine(examinationOf([onGpu, TFJS]));
    const withGpu = await examine(examinationOf([onGpu, TFJS], { machine }));
    expect(without.engines).toEqual([TFJS]);
    expect(withGpu.engines).toEqual([onGpu, TFJS]);
  });

  test("tries the first GPU that this process may use, by its own number", async () => {
    const tried: string[] = [];
    const engine = async ({ device }: { readonly device: string }) => {
      tried.push(device);
      return ONNX;
    };
    const gpu = { index: 2, id: "GPU-8f1d", name: "NVIDIA A100" };
    const machine = async () => ({ ...HEALTHY, gpus: [gpu] });
    await examine(examinationOf([{ ...ONNX, device: "gpu" }], { engine, machine }));
    expect(tried).toEqual(["gpu:2"]);
  });

  test("recommends none when none works", async () => {
    const report = await examine(examinationOf([BROKEN_ONNX]));
    expect(report.best).toBeNull();
    expect(report.missing).toHaveLength(1);
  });

  test("takes the first where no speed was measured: the table has the faster ones first", async () => {
    const unmeasured = [ONNX, TFJS].map((finding) => {
      const { speed: _, ...rest } = { speed: undefined, ...finding };
      return rest;
    });
    const report = await examine({ ...examinationOf(unmeasured), measuresSpeed: false });
    expect(report).toMatchObject({ best: { engine: "onnx" }, kernels: null, loopback: null });
  });

  test("says why a measure could not be taken, and goes on", async () => {
    const kernels = async () => {
      throw new TrainerError("ERR_MEMORY", "no room");
    };
    const report = await examine(examinationOf([ONNX], { kernels }));
    expect(report.kernels).toEqual({ why: "no room" });
    expect(report.loopback).toEqual({ gigabytesPerSecond: 1.25 });
  });
});
