import type { EngineName } from "../engine/create-engine.ts";

/** An engine on a device that `doctor` tries. */
export interface EngineEntry {
  readonly engine: EngineName;
  readonly device: string;
  /** What brings it where it does not work; null when no single command does. */
  readonly command: string | null;
}

/** Every engine that this version has: one entry each, the whole of what `doctor` knows about it. */
export const ENGINE_TABLE: readonly EngineEntry[] = [
  { engine: "onnx", device: "cpu", command: "npm ci" },
  { engine: "tfjs", device: "cpu", command: "npm ci" },
];
