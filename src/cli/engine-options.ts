import { type Command, Option } from "commander";
import type { FleetConfiguration } from "../configuration/configuration.ts";
import { findTensorflow, isCudaBuild } from "../engine/find-tensorflow.ts";
import { availableCores, availableGpus, visibleGpus } from "../launcher/devices.ts";
import { type DeviceWish, type LocalDevices, localDevices } from "../launcher/local-devices.ts";
import { wholeNumber } from "./option-values.ts";

/** Adds --engine, --device and --threads to a command that computes in this process. */
export function addEngineOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--engine <name>", "what computes")
        .choices(["auto", "onnx", "tensorflow", "tfjs"])
        .default("auto"),
    )
    .addOption(deviceOption())
    .option("--threads <n>", "threads of the engine (default: all cores)", wholeNumber(1, 4096));
}

/** Threads of an engine in this process: as asked for, else one for each core that this process may use. */
export async function engineThreads(threads: number | undefined): Promise<number> {
  return threads ?? (await availableCores());
}

/** `--device`, the same for every command that computes in its process; engines refuse what they have not. */
export function deviceOption(): Option {
  const help = "where it computes: cpu, gpu:N (engine tensorflow) or webgpu (engine onnx)";
  return new Option("--device <name>", help).default("cpu");
}

/** `--device` of commands that start workers on this machine. */
export function workerDeviceOption(): Option {
  const help =
    "where local workers compute: gpu (one worker per NVIDIA GPU, engine tensorflow), webgpu (engine onnx), " +
    "cpu, or auto: gpu where it is set up, else cpu";
  return new Option("--device <name>", help)
    .choices(["auto", "cpu", "gpu", "webgpu"])
    .default("auto");
}

/**
 * The devices of this machine's workers.
 *
 * @throws {TrainerError} ERR_ENGINE when GPUs are asked for that are not there or cannot be used.
 */
export async function chooseDevices(
  wish: DeviceWish,
  engine: FleetConfiguration["engine"],
): Promise<LocalDevices> {
  const addon = findTensorflow(process.env);
  return localDevices(wish, engine, {
    gpus: visibleGpus(await availableGpus(), process.env.CUDA_VISIBLE_DEVICES),
    hasCuda: addon !== undefined && isCudaBuild(addon),
  });
}

/** Starts in a row of a local worker that ends within seconds: the sixth end is no accident. */
const DEFAULT_MAX_RESTARTS = 5;

/** `--max-restarts` of commands that start workers on this machine. */
export function maxRestartsOption(): Option {
  return new Option(
    "--max-restarts <n>",
    "starts in a row of a local worker that ends early; 0: none",
  )
    .argParser(wholeNumber(0, 1_000_000))
    .default(DEFAULT_MAX_RESTARTS);
}

/** `--mixed-engines` of commands whose workers come from elsewhere. */
export function mixedEnginesOption(): Option {
  return new Option(
    "--mixed-engines",
    "take workers whose engine or its version differs: bits then depend on who computes what",
  );
}
