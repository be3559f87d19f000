import { type Command, Option } from "commander";
import { modelOf } from "../configuration/configuration.ts";
import type { ExportFormat } from "../export/export-formats.ts";
import { loadModel } from "./open-model.ts";
import { countInWords } from "./words.ts";

const FORMATS = ["onnx", "savedmodel", "torch", "tfjs"] as const satisfies readonly ExportFormat[];

interface ExportOptions {
  readonly format: (typeof FORMATS)[number];
  readonly out: string;
}

/** `smallinit export`: a trained model for other programs. */
export function addExportCommand(program: Command): void {
  program
    .command("export")
    .description("write a trained model for other programs: token ids in, logits out")
    .argument("<checkpoint>", "checkpoint folder, or a run folder for its newest checkpoint")
    .addOption(
      new Option("--format <format>", "what is to load it").choices(FORMATS).makeOptionMandatory(),
    )
    .requiredOption("--out <dir>", "new folder")
    .addHelpText(
      "after",
      "\nEvery folder also holds config.json and tokenizer.json; docs/EXPORT.md shows how each is loaded.\n" +
        "\nExample:\n  smallinit export runs/book --format onnx --out book-onnx\n",
    )
    .action(exportModel);
}

async function exportModel(path: string, { format, out }: ExportOptions): Promise<void> {
  const { refuseOccupied, writeExport } = await import("../export/write-export.ts");
  await refuseOccupied(out);
  const { configuration, parameters, tokenizer, step } = await loadModel(path);
  const { EXPORT_FORMATS } = await import("../export/export-formats.ts");
  const model = modelOf(configuration);
  await writeExport(out, {
    ...EXPORT_FORMATS[format]({ model, parameters }),
    "config.json": [json({ model, step })],
    ...(tokenizer === undefined ? {} : { "tokenizer.json": [json(tokenizer)] }),
  });
  const count = countInWords(parameters.length);
  process.stdout.write(`${out}: ${format}, ${count} parameters after ${step} steps.\n`);
}

function json(value: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`);
}
