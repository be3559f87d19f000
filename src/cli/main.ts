#!/usr/bin/env node
import { Command } from "commander";
import { addCommands } from "./add-commands.ts";
import { explainError } from "./end-by-error.ts";
import { packageVersion } from "./package-version.ts";

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

await addCommands(program, process.argv[2]);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = explainError(error);
}
