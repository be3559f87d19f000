import { TrainerError } from "../base/errors.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { ModelConfiguration } from "../configuration/configuration.ts";
import type { Engine } from "./engine.ts";
import { createTfjsEngine } from "./tfjs-engine.ts";

/** An engine that computes; `auto` is the choice among them. */
export type EngineName = "onnx" | "tfjs";

/** What is to compute, and where. */
export interface EngineOptions {
  /** `auto`: the fastest that works here. */
  readonly engine: "auto" | EngineName;
  /** "cpu", the only one yet. */
  readonly device: string;
  readonly model: ModelConfiguration;
  /** Threads of one computation; the `tfjs` engine has one. */
  readonly numThreads: number;
  /** Hears why `auto` did not take the fastest. */
  readonly log?: Log;
}

/**
 * Starts an engine for a model; `putParameters` comes first.
 *
 * @throws {TrainerError} ERR_ENGINE when the engine asked for does not work on this machine, or does
 *   not compute on this device.
 */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const { engine, device, log = silentLog } = options;
  if (device !== "cpu") {
    throw new TrainerError(
      "ERR_ENGINE",
      `No engine computes on the device "${device}". Use --device cpu.`,
    );
  }
  switch (engine) {
    case "tfjs":
      return createTfjsEngine(options.model);
    case "onnx":
      return createOnnx(options);
    case "auto":
      try {
        return await createOnnx(options);
      } catch (error) {
        if (!(error instanceof TrainerError)) throw error;
        log.warn(`${error.message} Using the engine tfjs, which is many times slower.`);
        return createTfjsEngine(options.model);
      }
  }
}

async function createOnnx({ model, numThreads }: EngineOptions): Promise<Engine> {
  const { createOnnxEngine } = await loadOnnx();
  return createOnnxEngine({ model, numThreads });
}

/** Loaded when asked for: its native library is not there for every platform. */
async function loadOnnx() {
  try {
    return await import("./onnx-engine.ts");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TrainerError(
      "ERR_ENGINE",
      `The engine onnx does not work here: ONNX Runtime cannot be loaded (${why.split("\n")[0]}). ` +
        "Install smallinit again with its dependencies (`npm ci`), or use --engine tfjs.",
      { cause },
    );
  }
}
