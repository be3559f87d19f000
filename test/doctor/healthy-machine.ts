import type { EngineFinding, MachineFacts } from "../../src/doctor/doctor-report.ts";
import type { Examination, Probes } from "../../src/doctor/examine.ts";

/** A machine that lacks nothing. */
export const HEALTHY: MachineFacts = {
  node: { version: "v20.20.0", required: ">=20.19", isSupported: true },
  platform: "linux-x64",
  cpu: { model: "A processor", cores: 2, coresOfMachine: 8, load: 0.1 },
  memory: { bytesOfMachine: 2 ** 35, bytes: 2 ** 34, bytesFree: 2 ** 33 },
  gpus: [],
  nvidia: null,
  names: [{ name: "localhost", address: "127.0.0.1" }],
};

/** An engine that works. */
export const ONNX: EngineFinding = {
  ...{ engine: "onnx", device: "cpu", works: true, runtime: "onnxruntime-node 1.30.0" },
  ...{ numThreads: 2, speed: { tokensPerSecond: 9000, gflops: 50 } },
};

/** One that does not. */
export const BROKEN_ONNX: EngineFinding = {
  ...{ engine: "onnx", device: "cpu", works: false, command: "npm ci" },
  why: "The engine onnx ended its process by the signal SIGILL.",
};

/** Another that works, slowly. */
export const TFJS: EngineFinding = {
  ...{ engine: "tfjs", device: "cpu", works: true, runtime: "tfjs-backend-cpu 4.22.0" },
  ...{ numThreads: 1, speed: { tokensPerSecond: 40, gflops: 0.2 } },
};

/** The examination of a machine that answers so; by default nothing is wrong with it. */
export function examinationOf(
  findings: readonly EngineFinding[],
  probes: Partial<Probes> = {},
): Examination & { readonly progress: readonly string[] } {
  const progress: string[] = [];
  return {
    smallinit: "0.1.0",
    engines: findings.map(({ device }, i) => ({
      ...{
        engine: i === 0 ? "onnx" : "tfjs",
        device,
        needsGpu: device !== "cpu",
        command: "npm ci",
        trialMs: 1000,
      },
    })),
    measuresSpeed: true,
    onProgress: (doing) => void progress.push(doing),
    progress,
    probes: {
      machine: async () => HEALTHY,
      engine: async ({ engine }) => findings[engine === "onnx" ? 0 : 1] ?? BROKEN_ONNX,
      kernels: async () => ({ addGigabytesPerSecond: 20, adamWGigabytesPerSecond: 30 }),
      loopback: async () => ({ gigabytesPerSecond: 1.25 }),
      ...probes,
    },
  };
}
