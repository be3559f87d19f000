import { createRequire } from "node:module";
import type { Environment } from "../base/environment.ts";
import { TrainerError } from "../base/errors.ts";
import { findTensorflow } from "./find-tensorflow.ts";
import type { TensorflowBinding } from "./tensorflow-binding.ts";
import { tensorflowVariables } from "./tensorflow-variables.ts";

/** How TensorFlow is to run in this process. */
export interface TensorflowSettings {
  /** "cpu" or "gpu:N". */
  readonly device: string;
  readonly numThreads: number;
  /** The process's own: TensorFlow reads its settings from there, once, when it is loaded. */
  readonly environment: Environment;
}

/** TensorFlow, loaded, with what it was loaded with. */
export interface LoadedTensorflow {
  readonly binding: TensorflowBinding;
  readonly device: string;
  readonly numThreads: number;
}

let loaded: LoadedTensorflow | undefined;

/**
 * Loads TensorFlow's addon into this process: the first call decides device and threads for all.
 *
 * The addon alone is loaded, not the package's JavaScript, which would make itself tfjs's default
 * backend. It works in a process's main thread only.
 *
 * @throws {TrainerError} ERR_ENGINE when it is not set up, cannot be loaded, or does not see the GPU.
 */
export function loadTensorflow(settings: TensorflowSettings): LoadedTensorflow {
  loaded ??= load(settings);
  if (loaded.device !== settings.device) {
    throw new TrainerError(
      "ERR_ENGINE",
      `TensorFlow already computes on ${loaded.device} in this process, and cannot change to ` +
        `${settings.device}. Start another process.`,
    );
  }
  return loaded;
}

function load({ device, numThreads, environment }: TensorflowSettings): LoadedTensorflow {
  const path = findTensorflow(environment);
  if (path === undefined) {
    throw new TrainerError(
      "ERR_ENGINE",
      "The engine tensorflow is not set up here: no libtensorflow was found. Run " +
        "`npm run setup:tensorflow` in smallinit's folder once per user, with `-- --cuda` for an NVIDIA GPU.",
    );
  }
  Object.assign(environment, tensorflowVariables(device, numThreads));
  const binding = required(path);
  if (device !== "cpu" && !binding.isUsingGpuDevice()) {
    throw new TrainerError(
      "ERR_ENGINE",
      `TensorFlow ${binding.TF_Version} at ${path} does not compute on ${device}: it sees no GPU, or its ` +
        "CUDA does not fit the driver (the lines above name the library that is missing). " +
        "Run `npm run setup:tensorflow -- --cuda`, or use --device cpu.",
    );
  }
  return { binding, device, numThreads };
}

function required(path: string): TensorflowBinding {
  try {
    return createRequire(import.meta.url)(path) as TensorflowBinding;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TrainerError(
      "ERR_ENGINE",
      `TensorFlow's addon ${path} cannot be loaded (${why.split("\n")[0]}). ` +
        "Run `npm run setup:tensorflow` again, or use --engine onnx.",
      { cause },
    );
  }
}
