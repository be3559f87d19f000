import { type Command, Option } from "commander";
import { wholeNumber } from "./option-values.ts";

/** Adds --engine, --device and --threads to a command that computes in this process. */
export function addEngineOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--engine <name>", "what computes")
        .choices(["auto", "onnx", "tfjs"])
        .default("auto"),
    )
    .addOption(new Option("--device <name>", "where it computes").choices(["cpu"]).default("cpu"))
    .option("--threads <n>", "threads of the engine (default: all cores)", wholeNumber(1, 4096));
}
