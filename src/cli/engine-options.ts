import { type Command, Option } from "commander";
import { wholeNumber } from "./option-values.ts";

/** Of `--device`. */
export const DEVICE_HELP = "where it computes: cpu, or gpu:N with the engine tensorflow";

/** Adds --engine, --device and --threads to a command that computes in this process. */
export function addEngineOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--engine <name>", "what computes")
        .choices(["auto", "onnx", "tensorflow", "tfjs"])
        .default("auto"),
    )
    .option("--device <name>", DEVICE_HELP, "cpu")
    .option("--threads <n>", "threads of the engine (default: all cores)", wholeNumber(1, 4096));
}
