import { type Command, Option } from "commander";
import type { DataManifest } from "../data/manifest.ts";
import { type PrepareProgress, prepareData } from "../data/prepare-data.ts";
import type { TokenizerName } from "../data/tokenizers/tokenizer.ts";
import { realNumber, wholeNumber } from "./option-values.ts";
import { ProgressLine } from "./progress-line.ts";
import { countInWords } from "./words.ts";

/** Options of `prepare`, as the command line names them. */
export interface PrepareCommandOptions {
  readonly out: string;
  readonly tokenizer: TokenizerName;
  readonly vocabSize?: number;
  readonly validation: number;
  readonly split: "interleaved" | "tail";
}

/** `smallinit prepare`: text to a data folder. */
export function addPrepareCommand(program: Command): void {
  program
    .command("prepare")
    .description("turn UTF-8 text into a data folder: tokens, tokenizer, checksums")
    .argument("<file-or-folder...>", "text files, and folders of them")
    .requiredOption("--out <dir>", "data folder to make; an earlier one is replaced")
    .addOption(
      new Option("--tokenizer <name>", "how text becomes tokens")
        .choices(["byte", "char", "bpe", "gpt2"])
        .makeOptionMandatory(),
    )
    .option("--vocab-size <n>", "of bpe, in tokens (default: 4096)", wholeNumber(1, 2 ** 24))
    .option("--validation <share>", "validation part of the text", realNumber(0, 1), 0.1)
    .addOption(
      new Option(
        "--split <kind>",
        "take the validation part from all over the text, or from its end",
      )
        .choices(["interleaved", "tail"])
        .default("interleaved"),
    )
    .addHelpText(
      "after",
      "\nExample:\n  smallinit prepare book.txt notes/ --out data/book --tokenizer bpe --vocab-size 2048\n",
    )
    .action(async (inputs: string[], options: PrepareCommandOptions) => {
      await prepare(inputs, options);
    });
}

/** Prepares with progress on stderr, and says on stdout what was made. */
export async function prepare(
  inputs: readonly string[],
  options: PrepareCommandOptions,
): Promise<DataManifest> {
  const line = new ProgressLine();
  const { log } = line;
  const manifest = await prepareData(
    {
      inputs,
      outFolder: options.out,
      tokenizer: options.tokenizer,
      validationFraction: options.validation,
      split: options.split,
      ...(options.vocabSize === undefined ? {} : { vocabSize: options.vocabSize }),
    },
    { onProgress: (progress) => line.show(progressInWords(progress)), log },
  ).finally(() => line.end());
  const { train, validation, vocabSize } = manifest;
  process.stdout.write(
    `${options.out}: ${countInWords(train.numTokens)} training and ` +
      `${countInWords(validation.numTokens)} validation tokens, vocabulary ${vocabSize}.\n`,
  );
  return manifest;
}

function progressInWords({ phase, doneBytes, totalBytes }: PrepareProgress): string {
  const percent = totalBytes === 0 ? 100 : Math.floor((100 * doneBytes) / totalBytes);
  return `${phase}: ${percent} % of ${countInWords(totalBytes)}B`;
}
