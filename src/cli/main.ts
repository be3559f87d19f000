#!/usr/bin/env node
import { Command } from "commander";
import { addCompareCommand } from "./compare-command.ts";
import { addCoordinatorCommand } from "./coordinator-command.ts";
import { addDemoCommand } from "./demo-command.ts";
import { addDoctorCommand } from "./doctor-command.ts";
import { explainError } from "./end-by-error.ts";
import { addEvaluateCommand } from "./evaluate-command.ts";
import { addExportCommand } from "./export-command.ts";
import { addGenerateCommand } from "./generate-command.ts";
import { addLaunchCommand } from "./launch-command.ts";
import { packageVersion } from "./package-version.ts";
import { addPlotCommand } from "./plot-command.ts";
import { addPrepareCommand } from "./prepare-command.ts";
import { addResumeCommand } from "./resume-command.ts";
import { addVerifyCommand } from "./verify-command.ts";
import { addWorkerCommand } from "./worker-command.ts";

const program = new Command("smallinit")
  .description(
    "Train the SmallInitEmb Transformer, LayerNorm(SmallInit(Embedding)), on one machine or a cluster.\n" +
      "The result has the same bits whatever the number of workers.",
  )
  .version(packageVersion())
  .configureHelp({ helpWidth: 100, sortSubcommands: false })
  .configureOutput({
    // commander puts its proposal on a second line; errors are one line.
    outputError: (text, write) =>
      write(text.replace(/^error: /, "ERR_USAGE: ").replace("\n(", " (")),
  })
  .showHelpAfterError("Run the command with --help to see its options.")
  .addHelpText(
    "after",
    "\nExit codes: 0 done, 1 failed, 2 wrong usage, 70 our bug, 130 interrupted (after a checkpoint).\n" +
      "\nExample:\n  smallinit prepare book.txt --out data/book --tokenizer bpe --vocab-size 2048\n" +
      "  smallinit launch --data data/book --run runs/book --workers 2 --preset demo\n",
  )
  .exitOverride();

addPrepareCommand(program);
addLaunchCommand(program);
addCoordinatorCommand(program);
addWorkerCommand(program);
addResumeCommand(program);
addEvaluateCommand(program);
addGenerateCommand(program);
addExportCommand(program);
addPlotCommand(program);
addVerifyCommand(program);
addDoctorCommand(program);
addCompareCommand(program);
addDemoCommand(program);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = explainError(error);
}
