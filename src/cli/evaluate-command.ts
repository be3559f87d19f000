import { isDeepStrictEqual } from "node:util";
import type { Command } from "commander";
import { TrainerError } from "../base/errors.ts";
import type { Checkpoint } from "../checkpoint/load-checkpoint.ts";
import { type DataFolder, openDataFolder } from "../data/open-data-folder.ts";
import { validationBatches } from "../data/validation-batches.ts";
import type { Engine } from "../engine/engine.ts";
import { addEngineOptions } from "./engine-options.ts";
import { type EngineChoice, openModel } from "./open-model.ts";
import { ProgressLine } from "./progress-line.ts";

interface EvaluateOptions extends EngineChoice {
  readonly data: string;
  readonly json?: boolean;
}

/** `smallinit evaluate`: the validation loss of a checkpoint. */
export function addEvaluateCommand(program: Command): void {
  addEngineOptions(
    program
      .command("evaluate")
      .description("mean loss of a trained model over the whole validation part, in nats per token")
      .argument("<checkpoint>", "checkpoint folder, or a run folder for its newest checkpoint")
      .requiredOption("--data <dir>", "data folder")
      .option("--json", "print one JSON object"),
  )
    .addHelpText("after", "\nExample:\n  smallinit evaluate runs/book --data data/book\n")
    .action(evaluate);
}

async function evaluate(path: string, options: EvaluateOptions): Promise<void> {
  await using data = await openDataFolder(options.data);
  const { checkpoint, engine: opened } = await openModel(path, options);
  await using engine = opened;
  checkVocabulary(path, checkpoint, data);
  const { contextLength } = checkpoint.configuration;
  const { validationLoss, numPositions } = await meanLoss(engine, data, contextLength);
  const perplexity = Math.exp(validationLoss);
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ step: checkpoint.step, validationLoss, perplexity, tokens: numPositions })}\n`
      : `Validation loss ${validationLoss.toFixed(4)} nats per token (perplexity ${perplexity.toFixed(2)}) ` +
          `after ${checkpoint.step} steps, over ${numPositions} tokens.\n`,
  );
}

async function meanLoss(engine: Engine, data: DataFolder, contextLength: number) {
  const line = new ProgressLine();
  const { numBatches, numPositions, read } = validationBatches(data.validation, contextLength);
  let lossSum = 0;
  for (let i = 0; i < numBatches; i++) {
    const { numSequences, tokens } = await read(i);
    const block = { numSequences, length: contextLength, tokens: Int32Array.from(tokens) };
    lossSum += await engine.loss(block);
    line.show(`batch ${i + 1}/${numBatches}`);
  }
  line.end();
  return { validationLoss: lossSum / numPositions, numPositions };
}

/** A loss on other token ids than the model was trained on would be a number without meaning. */
function checkVocabulary(path: string, checkpoint: Checkpoint, data: DataFolder): void {
  const { vocabSize } = checkpoint.configuration;
  if (data.vocabSize > vocabSize) {
    throw new TrainerError(
      "ERR_VOCABULARY_MISMATCH",
      `${path} knows ${vocabSize} token ids, but ${data.path} has ${data.vocabSize}. ` +
        "Evaluate on the data it was trained on, or on text prepared with its tokenizer.",
    );
  }
  const isKnown = checkpoint.tokenizer !== undefined && data.tokenizer !== undefined;
  if (isKnown && !isDeepStrictEqual(checkpoint.tokenizer, data.tokenizer)) {
    throw new TrainerError(
      "ERR_VOCABULARY_MISMATCH",
      `The tokenizer of ${data.path} is not the one ${path} was trained with: equal ids mean other text. ` +
        "Evaluate on the data it was trained on.",
    );
  }
}
