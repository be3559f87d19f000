import { type Command, Option } from "commander";
import type { EngineName } from "../engine/create-engine.ts";
import { deviceOption, engineThreads } from "./engine-options.ts";
import { wholeNumber } from "./option-values.ts";

interface VerifyOptions {
  readonly engine?: EngineName;
  readonly device: string;
  readonly threads?: number;
}

/** `smallinit verify`: the numerics of each engine against reference folders. */
export function addVerifyCommand(program: Command): void {
  program
    .command("verify")
    .description(
      "check logits, loss, every gradient and AdamW steps of each engine against reference folders",
    )
    .argument("<folder...>", "reference folders (format: test/fixtures/reference/README.md)")
    .addOption(
      new Option("--engine <name>", "only this engine (default: all of the device)").choices([
        ...["onnx", "tensorflow", "tfjs"],
      ]),
    )
    .addOption(deviceOption())
    .option("--threads <n>", "threads of the engine (default: all cores)", wholeNumber(1, 4096))
    .addHelpText(
      "after",
      "\nExample:\n  smallinit verify test/fixtures/reference/*/\n\nExit code 1 when an error exceeds its tolerance.\n",
    )
    .action(async (folders: string[], options: VerifyOptions) => {
      // Loaded here: tfjs takes half a second that no other command should pay.
      const { formatReport } = await import("../engine/format-report.ts");
      const { verifyFolders } = await import("../engine/verify.ts");
      const { findTensorflow } = await import("../engine/find-tensorflow.ts");
      const isSetUp = findTensorflow(process.env) !== undefined;
      const report = await verifyFolders(folders, {
        engines:
          options.engine === undefined ? enginesOf(options.device, isSetUp) : [options.engine],
        device: options.device,
        numThreads: await engineThreads(options.threads),
        environment: process.env,
      });
      process.stdout.write(`${formatReport(report)}\n`);
      if (!report.passed) process.exitCode = 1;
    });
}

/** The engines that compute on a device, as far as they are here. */
function enginesOf(device: string, hasTensorflow: boolean): readonly EngineName[] {
  if (device === "webgpu") return ["onnx"];
  if (device !== "cpu") return ["tensorflow"];
  return hasTensorflow ? ["onnx", "tensorflow", "tfjs"] : ["onnx", "tfjs"];
}
