import { writeFolderAtomically } from "../base/atomic-folder.ts";
import { TrainerError } from "../base/errors.ts";
import { type FileLayer, systemFiles } from "../base/file-layer.ts";
import { type Log, silentLog } from "../base/log.ts";
import { checkReplaceable } from "./check-replaceable.ts";
import { type CorpusFile, corpusFiles } from "./corpus-files.ts";
import { encodeParts } from "./encode-parts.ts";
import type { DataManifest, SplitManifest } from "./manifest.ts";
import { planSplit, type SplitPlan } from "./plan-split.ts";
import { type CorpusPiece, readCorpus } from "./read-corpus.ts";
import { type PartPiece, splitCorpus } from "./split-corpus.ts";
import { type CorpusSurvey, surveyCorpus } from "./survey-corpus.ts";
import { makeTokenizer } from "./tokenizers/make-tokenizer.ts";
import type { TokenizerName } from "./tokenizers/tokenizer.ts";
import { wholeWords } from "./whole-words.ts";
import { type WrittenParts, writeManifest, writeParts } from "./write-data-files.ts";

/** What `prepare` is asked to do. */
export interface PrepareOptions {
  /** Files and folders of UTF-8 text. */
  readonly inputs: readonly string[];
  /** The data folder to make; an earlier prepare's is replaced. */
  readonly outFolder: string;
  readonly tokenizer: TokenizerName;
  /** For `bpe` alone; default 4096. */
  readonly vocabSize?: number;
  /** Validation's part of the characters, above 0 and below 1; default 0.1. */
  readonly validationFraction?: number;
  /** Default interleaved. */
  readonly split?: "interleaved" | "tail";
}

/** Who hears how it goes. */
export interface PrepareListeners {
  readonly onProgress?: (progress: PrepareProgress) => void;
  readonly log?: Log;
}

/** How far it is. */
export interface PrepareProgress {
  readonly phase: "reading" | "training the tokenizer" | "encoding";
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/**
 * Makes a data folder of text: tokens of a training and a validation part, tokenizer and manifest.
 *
 * Reads the text twice (three times for `bpe`), never as a whole; the same text and options give the
 * same bytes. The folder appears complete or not at all.
 *
 * @throws {TrainerError} ERR_USAGE, ERR_CORPUS_MISSING, ERR_CORPUS_EMPTY, ERR_CORPUS_ENCODING,
 *   ERR_CORPUS_UNREADABLE, ERR_CORPUS_CHANGED, ERR_DATA_OCCUPIED, ERR_DATA_SHORT, ERR_WRITE.
 */
export async function prepareData(
  options: PrepareOptions,
  listeners: PrepareListeners = {},
  files: FileLayer = systemFiles,
): Promise<DataManifest> {
  const { validationFraction = 0.1, split = "interleaved" } = options;
  checkUsage(options, validationFraction);
  await checkReplaceable(options.outFolder);
  const sources = await corpusFiles(options.inputs);
  const corpus = openCorpus(sources, options, listeners);

  const survey = await surveyCorpus(corpus.pieces("reading"));
  const plan = planSplit(survey, split, validationFraction);
  const parts = (phase: PrepareProgress["phase"]) => splitCorpus(corpus.pieces(phase), plan);
  const tokenizer = await makeTokenizer({
    name: options.tokenizer,
    vocabSize: options.vocabSize,
    alphabet: survey.alphabet,
    trainingText: () => trainingText(parts("training the tokenizer")),
    log: listeners.log ?? silentLog,
  });
  async function fill(folder: string): Promise<DataManifest> {
    const encoded = encodeParts(parts("encoding"), tokenizer);
    const written = await writeParts(folder, encoded, tokenizer, files);
    checkUnchanged(survey, written);
    const content = { folder, sources, tokenizer, written };
    return writeManifest(
      { ...content, split: describeSplit(split, validationFraction, plan) },
      files,
    );
  }
  return writeFolderAtomically(options.outFolder, { check: checkReplaceable, fill, files });
}

/** The corpus as a stream that can be read again, with progress. */
function openCorpus(
  files: readonly CorpusFile[],
  { tokenizer }: PrepareOptions,
  { onProgress }: PrepareListeners,
): { pieces(phase: PrepareProgress["phase"]): AsyncGenerator<CorpusPiece> } {
  const totalBytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
  async function* pieces(phase: PrepareProgress["phase"]): AsyncGenerator<CorpusPiece> {
    for await (const piece of readCorpus(files, tokenizer === "gpt2" ? "none" : "newline")) {
      onProgress?.({ phase, doneBytes: piece.doneBytes, totalBytes });
      yield piece;
    }
  }
  return { pieces };
}

async function* trainingText(pieces: AsyncIterable<PartPiece>): AsyncGenerator<string> {
  for await (const { part, text } of wholeWords(pieces)) if (part === "train") yield text;
}

function describeSplit(
  kind: SplitManifest["kind"],
  fraction: number,
  plan: SplitPlan,
): SplitManifest {
  switch (plan.unit) {
    case "tail":
      return { kind, fraction };
    case "documents":
      return { kind, fraction, unit: "documents" };
    case "blocks":
      return { kind, fraction, unit: "blocks", blockCharacters: plan.blockCharacters };
  }
}

/** A file that changes between two readings would give parts that do not fit together. */
function checkUnchanged(survey: CorpusSurvey, { train, validation }: WrittenParts): void {
  const numCharacters = train.numCharacters + validation.numCharacters;
  if (numCharacters === survey.numCharacters) return;
  throw new TrainerError(
    "ERR_CORPUS_CHANGED",
    `The text changed while it was read: ${survey.numCharacters} characters at first, then ` +
      `${numCharacters}. Wait until nothing writes to it, and run prepare again.`,
  );
}

function checkUsage(options: PrepareOptions, fraction: number): void {
  if (!(fraction > 0 && fraction < 1)) {
    throw new TrainerError(
      "ERR_USAGE",
      `The validation part is ${fraction} of the text, but must be above 0 and below 1, for example 0.1.`,
    );
  }
  const { vocabSize, tokenizer } = options;
  if (vocabSize === undefined) return;
  if (tokenizer !== "bpe") {
    throw new TrainerError(
      "ERR_USAGE",
      `--vocab-size is for --tokenizer bpe; the vocabulary of ${tokenizer} is given. Leave it out.`,
    );
  }
  if (!Number.isInteger(vocabSize) || vocabSize < 257 || vocabSize > 131_072) {
    throw new TrainerError(
      "ERR_USAGE",
      `--vocab-size is ${vocabSize}, but must be a whole number from 257 (256 bytes and one merge) to 131072.`,
    );
  }
}
