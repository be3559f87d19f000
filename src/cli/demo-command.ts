import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import type { Command } from "commander";
import { demoCorpusFiles } from "../data/demo-corpus-files.ts";
import { openDataFolder } from "../data/open-data-folder.ts";
import { textStatistics } from "../data/text-statistics.ts";
import { conductRun } from "./conduct-run.ts";
import { chooseDevices } from "./engine-options.ts";
import { generate } from "./generate-command.ts";
import { wholeNumber } from "./option-values.ts";
import { prepare } from "./prepare-command.ts";
import { configurationFor, gatherSettings } from "./settings.ts";

interface DemoOptions {
  readonly workers: number;
  readonly steps?: number;
}

const DATA_FOLDER = join("data", "demo");
const VOCAB_SIZE = 2048;
const PROMPT = "The people of the United States";
const SAMPLE_TOKENS = 160;

/** `smallinit demo`, which `npm start` runs: from text to a trained model in a few minutes. */
export function addDemoCommand(program: Command): void {
  program
    .command("demo")
    .description(
      "prepare real text, train with two workers for two or three minutes, write a sample",
    )
    .option("--workers <n>", "workers to start", wholeNumber(1, 64), 2)
    .option("--steps <n>", "steps (default: the preset's)", wholeNumber(1, 1e9))
    .addHelpText("after", "\nData goes to ./data/demo, the run to ./runs/demo (or demo-2, ...).\n")
    .action(demo);
}

async function demo(options: DemoOptions): Promise<void> {
  if (!existsSync(DATA_FOLDER)) {
    say("Preparing the State of the Union addresses (English, 10.8 MB, public domain) ...");
    await prepare(await demoCorpusFiles(), {
      out: DATA_FOLDER,
      tokenizer: "bpe",
      vocabSize: VOCAB_SIZE,
      validation: 0.02,
      split: "interleaved",
    });
  }
  const unigramLoss = await unigramLossOf(DATA_FOLDER);
  const run = freeFolder(join("runs", "demo"));
  const settings = await gatherSettings({ preset: "demo" });
  const steps = options.steps === undefined ? {} : { steps: options.steps };
  const configuration = configurationFor({ ...settings, ...steps }, VOCAB_SIZE);
  const { summary, exitCode } = await conductRun({
    data: DATA_FOLDER,
    run,
    configuration,
    isResume: false,
    listen: { host: "127.0.0.1", port: 0 },
    minWorkers: options.workers,
    numLocalWorkers: options.workers,
    local: await chooseDevices("auto", configuration.engine),
  });
  process.exitCode = exitCode;
  if (summary.status !== "completed") return;
  say(
    `Yardstick:   token frequencies alone reach ${unigramLoss.toFixed(3)}, uniform guessing ` +
      `${Math.log(VOCAB_SIZE).toFixed(3)} nats per token.`,
  );
  say("\nA sample:\n");
  await generate(run, {
    engine: "auto",
    device: "cpu",
    prompt: PROMPT,
    tokens: SAMPLE_TOKENS,
    temperature: 0.7,
    topK: 0,
    topP: 0.95,
    seed: 1,
  });
  say(
    `\nMore text:   npx smallinit generate ${relative(process.cwd(), run)} --prompt "Congress"` +
      `\nTrain on:    npx smallinit resume ${relative(process.cwd(), run)} --set steps=${2 * summary.steps}`,
  );
}

async function unigramLossOf(folder: string): Promise<number> {
  await using data = await openDataFolder(folder);
  return (await textStatistics(data)).unigramLoss;
}

/** `wanted`, or the first of wanted-2, wanted-3, ... that does not exist: a demo may be run again. */
function freeFolder(wanted: string): string {
  let folder = wanted;
  for (let i = 2; existsSync(folder); i++) folder = `${wanted}-${i}`;
  return folder;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
