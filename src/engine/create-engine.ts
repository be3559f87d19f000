import type { Environment } from "../base/environment.ts";
import { TrainerError } from "../base/errors.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { Profiler } from "../base/profiler.ts";
import type { OnnxTarget } from "../compiler/onnx/emit-onnx.ts";
import type { FleetConfiguration, ModelConfiguration } from "../configuration/configuration.ts";
import type { Engine } from "./engine.ts";
import { findTensorflow } from "./find-tensorflow.ts";

/** An engine that computes; `auto` is the choice among them. */
export type EngineName = "onnx" | "tensorflow" | "tfjs";

/** What is to compute, and where. */
export interface EngineOptions {
  /** `auto`: the fastest that works here. */
  readonly engine: "auto" | EngineName;
  /** "cpu", "gpu:N" with the engine `tensorflow`, or "webgpu" with the engine `onnx`. */
  readonly device: string;
  readonly model: ModelConfiguration;
  /** Of matrix products; the default is f32, and bf16 is the engine tensorflow's alone. */
  readonly precision?: FleetConfiguration["precision"];
  /** Threads of one computation; the `tfjs` engine has one. */
  readonly numThreads: number;
  /** The process's own, which the engine `tensorflow` needs; `auto` does not take it without. */
  readonly environment?: Environment;
  /** Hears why `auto` did not take the fastest. */
  readonly log?: Log;
  /** Told what the parts of a gradient take. */
  readonly profiler?: Profiler;
}

/**
 * Starts an engine for a model; `putParameters` comes first.
 *
 * `auto` is `tensorflow` where it is set up, else `onnx`, else `tfjs`.
 *
 * @throws {TrainerError} ERR_ENGINE when the engine asked for does not work on this machine, or does
 *   not compute on this device or in this precision.
 */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const { device, precision = "f32", log = silentLog } = options;
  const engine = options.engine === "auto" ? engineHere(options) : options.engine;
  refuseUnless(
    device === "cpu" ||
      (engine === "tensorflow" && /^gpu:\d+$/.test(device)) ||
      (engine === "onnx" && device === "webgpu"),
    `The engine ${engine} does not compute on the device "${device}". Use --device cpu, --engine tensorflow ` +
      "with --device gpu:N, or --engine onnx with --device webgpu.",
  );
  refuseUnless(
    precision === "f32" || engine === "tensorflow",
    `The engine ${engine} multiplies in f32 alone, and precision is ${precision}. ` +
      "Set up and use the engine tensorflow (`npm run setup:tensorflow`), or set precision=f32.",
  );
  // Who names a GPU wants that GPU: nothing else takes its place, not even for `auto`.
  if (device === "webgpu") return createOnnx(options, device);
  switch (engine) {
    case "tensorflow":
      return createTensorflow(options);
    case "tfjs":
      return createTfjs(options.model);
    case "onnx":
      try {
        return await createOnnx(options, "cpu");
      } catch (error) {
        if (!(error instanceof TrainerError) || options.engine === "onnx") throw error;
        log.warn(`${error.message} Using the engine tfjs, which is many times slower.`);
        return createTfjs(options.model);
      }
  }
}

function engineHere({ environment, precision, device }: EngineOptions): EngineName {
  if (device === "webgpu") return "onnx";
  const needsTensorflow = precision === "bf16" || device !== "cpu";
  const isThere = environment !== undefined && findTensorflow(environment) !== undefined;
  return isThere || (needsTensorflow && environment !== undefined) ? "tensorflow" : "onnx";
}

function refuseUnless(condition: boolean, message: string): void {
  if (!condition) throw new TrainerError("ERR_ENGINE", message);
}

/** Loaded when asked for: tfjs's own backend takes a tenth of a second. */
async function createTfjs(model: ModelConfiguration): Promise<Engine> {
  const { createTfjsEngine } = await import("./tfjs-engine.ts");
  return createTfjsEngine(model);
}

async function createTensorflow(options: EngineOptions): Promise<Engine> {
  const { model, device, precision = "f32", numThreads, environment = {}, profiler } = options;
  const { createTensorflowEngine } = await import("./tensorflow-engine.ts");
  const profiling = profiler === undefined ? {} : { profiler };
  // Feeding would be a transfer per leaf, where the device's memory is its own.
  const parameters = device === "cpu" ? "fed" : "variable";
  const settings = { model, device, precision, parameters, numThreads, environment } as const;
  return createTensorflowEngine({ ...settings, ...profiling });
}

async function createOnnx(
  { model, numThreads, profiler }: EngineOptions,
  device: OnnxTarget,
): Promise<Engine> {
  const { createOnnxEngine } = await loadOnnx();
  const profiling = profiler === undefined ? {} : { profiler };
  return createOnnxEngine({ model, device, numThreads, ...profiling });
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
