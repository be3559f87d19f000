import type { EngineName } from "../engine/create-engine.ts";

/** An engine on a device that `doctor` tries. */
export interface EngineEntry {
  readonly engine: EngineName;
  readonly device: string;
  /** Not tried where no NVIDIA GPU is seen. */
  readonly needsGpu: boolean;
  /** What brings it where it does not work; null when no single command does. */
  readonly command: string | null;
}

/** Every engine that this version has, the faster ones first: one entry each, the whole of what `doctor` knows about it. */
export const ENGINE_TABLE: readonly EngineEntry[] = [
  {
    ...{ engine: "tensorflow", device: "gpu:0", needsGpu: true },
    command: "npm run setup:tensorflow -- --cuda",
  },
  {
    ...{ engine: "tensorflow", device: "cpu", needsGpu: false },
    command: "npm run setup:tensorflow",
  },
  { engine: "onnx", device: "cpu", needsGpu: false, command: "npm ci" },
  { engine: "tfjs", device: "cpu", needsGpu: false, command: "npm ci" },
];
