import { type Command, Option } from "commander";
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

/** `--device`, the same for every command that computes in its process; engines refuse what they have not. */
export function deviceOption(): Option {
  const help = "where it computes: cpu, gpu:N (engine tensorflow) or webgpu (engine onnx)";
  return new Option("--device <name>", help).default("cpu");
}

/** `--device` of commands that start workers on this machine. */
export function workerDeviceOption(): Option {
  return new Option(
    "--device <name>",
    "where local workers compute; cpu, or webgpu with engine onnx",
  )
    .choices(["cpu", "webgpu"])
    .default("cpu");
}

/** What a local worker is told of its device; left to itself it takes the CPU. */
export function deviceArguments(device: string): readonly string[] {
  return device === "cpu" ? [] : ["--device", device];
}
