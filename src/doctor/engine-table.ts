import type { EngineName } from "../engine/create-engine.ts";

/** An engine on a device that `doctor` tries. */
export interface EngineEntry {
  readonly engine: EngineName;
  /** With `needsGpu` "gpu": the first that this process may use. */
  readonly device: string;
  /** Not tried where no NVIDIA GPU is seen. */
  readonly needsGpu: boolean;
  /** What brings it where it does not work; null when no single command does. */
  readonly command: string | null;
  /** How long one trial may take. */
  readonly trialMs: number;
}

/** CUDA may compile its programs for minutes when a GPU is first used. */
const TRIAL_MS = 180_000;

/** A GPU needs seconds; a software device minutes, which are not worth waiting for. */
const WEBGPU_TRIAL_MS = 30_000;

/** Every engine that this version has, the faster ones first: one entry each, the whole of what `doctor` knows about it. */
export const ENGINE_TABLE: readonly EngineEntry[] = [
  {
    ...{ engine: "tensorflow", device: "gpu", needsGpu: true },
    command: "npm run setup:tensorflow -- --cuda",
    trialMs: TRIAL_MS,
  },
  {
    ...{ engine: "tensorflow", device: "cpu", needsGpu: false },
    command: "npm run setup:tensorflow",
    trialMs: TRIAL_MS,
  },
  // Any vendor's GPU; what it needs where it does not work, its message says.
  { engine: "onnx", device: "webgpu", needsGpu: false, command: null, trialMs: WEBGPU_TRIAL_MS },
  { engine: "onnx", device: "cpu", needsGpu: false, command: "npm ci", trialMs: TRIAL_MS },
  { engine: "tfjs", device: "cpu", needsGpu: false, command: "npm ci", trialMs: TRIAL_MS },
];
