import type { Command } from "commander";
import { TrainerError } from "../base/errors.ts";
import { seededRandom } from "../base/random.ts";
import { loadTokenizer } from "../data/tokenizers/load-tokenizer.ts";
import type { Tokenizer } from "../data/tokenizers/tokenizer.ts";
import { generateTokens } from "../engine/generate-tokens.ts";
import { addEngineOptions } from "./engine-options.ts";
import { type EngineChoice, openModel } from "./open-model.ts";
import { realNumber, wholeNumber } from "./option-values.ts";

interface GenerateOptions extends EngineChoice {
  readonly prompt: string;
  readonly tokens: number;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly seed: number;
}

/** `smallinit generate`: goes on from a prompt with a trained model. */
export function addGenerateCommand(program: Command): void {
  addEngineOptions(
    program
      .command("generate")
      .description("go on from a prompt with a trained model; the text appears as it is made")
      .argument("<checkpoint>", "checkpoint folder, or a run folder for its newest checkpoint")
      .option("--prompt <text>", "text to go on from (default: a line break)", "\n")
      .option("--tokens <n>", "tokens to generate", wholeNumber(1, 1e9), 200)
      .option(
        "--temperature <x>",
        "divides the logits; 0 takes the most probable",
        realNumber(0, 100),
        0.8,
      )
      .option("--top-k <n>", "only the n most probable tokens; 0: all", wholeNumber(0, 2 ** 24), 0)
      .option(
        "--top-p <p>",
        "only the most probable tokens that sum up to p",
        realNumber(0, 1),
        0.95,
      )
      .option("--seed <n>", "of the random choices", wholeNumber(0, 2 ** 32 - 1), 1),
  )
    .addHelpText(
      "after",
      '\nExample:\n  smallinit generate runs/book --prompt "The state of" --tokens 100 --temperature 0.7\n',
    )
    .action((path: string, options: GenerateOptions) => generate(path, options));
}

/** Writes the prompt and what follows it to stdout, token by token. */
export async function generate(path: string, options: GenerateOptions): Promise<void> {
  const { checkpoint, engine } = await openModel(path, options);
  await using disposing = engine;
  const tokenizer = await tokenizerOf(path, checkpoint.tokenizer);
  const prompt = [...tokenizer.encode(options.prompt)];
  if (prompt.length === 0) {
    throw new TrainerError("ERR_USAGE", "--prompt is empty; give at least one character.");
  }
  process.stdout.write(options.prompt);
  const text = tokenizer.decodeStream();
  const tokens = generateTokens(disposing, {
    ...options,
    prompt,
    numTokens: options.tokens,
    contextLength: checkpoint.configuration.contextLength,
    random: seededRandom(options.seed),
  });
  for await (const token of tokens) process.stdout.write(text.push(token));
  process.stdout.write(`${text.end()}\n`);
}

async function tokenizerOf(path: string, description: unknown): Promise<Tokenizer> {
  if (description !== undefined) return loadTokenizer(description);
  throw new TrainerError(
    "ERR_TOKENIZER_DAMAGED",
    `${path} has no tokenizer: its data was prepared elsewhere. ` +
      "Put the tokenizer.json that belongs to it into the checkpoint folder.",
  );
}
