import { createHash } from "node:crypto";
import { join } from "node:path";
import { writePieces } from "../base/durable-file.ts";
import { TrainerError } from "../base/errors.ts";
import type { FileLayer } from "../base/file-layer.ts";
import { asWriteError } from "../base/write-error.ts";
import type { CorpusFile } from "./corpus-files.ts";
import type { EncodedPiece } from "./encode-parts.ts";
import {
  DATA_FORMAT_VERSION,
  type DataManifest,
  type PartManifest,
  type SplitManifest,
} from "./manifest.ts";
import { createTokenFile, type TokenFileWriter } from "./token-file-writer.ts";
import type { TokenType } from "./token-store.ts";
import type { Tokenizer } from "./tokenizers/tokenizer.ts";

/** Documents named one by one in a manifest. */
const LISTED_SOURCES_MAX = 1000;

/** What the token files hold. */
export interface WrittenParts {
  readonly tokenType: TokenType;
  readonly train: PartManifest;
  readonly validation: PartManifest;
}

/**
 * Writes `train.bin` and `val.bin`.
 *
 * @throws {TrainerError} ERR_DATA_SHORT when a part would hold nothing to predict; ERR_WRITE.
 */
export async function writeParts(
  folder: string,
  pieces: AsyncIterable<EncodedPiece>,
  { vocabSize }: Tokenizer,
  files: FileLayer,
): Promise<WrittenParts> {
  const tokenType = vocabSize <= 2 ** 16 ? "uint16" : "uint32";
  await using train = await createTokenFile(join(folder, "train.bin"), tokenType, files);
  await using validation = await createTokenFile(join(folder, "val.bin"), tokenType, files);
  const writers = { train, validation };
  const numCharacters = { train: 0, validation: 0 };
  for await (const piece of pieces) {
    numCharacters[piece.part] += piece.numCharacters;
    await writers[piece.part].write(piece.tokens);
  }
  return {
    tokenType,
    train: await finishPart("train.bin", train, numCharacters.train),
    validation: await finishPart("val.bin", validation, numCharacters.validation),
  };
}

async function finishPart(
  file: PartManifest["file"],
  writer: TokenFileWriter,
  numCharacters: number,
): Promise<PartManifest> {
  const { numTokens, sha256 } = await writer.finish();
  if (numTokens < 2) {
    throw new TrainerError(
      "ERR_DATA_SHORT",
      `${file} would hold ${numTokens} tokens, and a prediction needs two. ` +
        "Give more text or another --validation.",
    );
  }
  return { file, numTokens, numCharacters, sha256 };
}

/** What a manifest is made of. */
export interface ManifestContent {
  readonly folder: string;
  readonly sources: readonly CorpusFile[];
  readonly tokenizer: Tokenizer;
  readonly written: WrittenParts;
  readonly split: SplitManifest;
}

/** Writes `tokenizer.json` and, last, `manifest.json`. @throws {TrainerError} ERR_WRITE. */
export async function writeManifest(
  content: ManifestContent,
  files: FileLayer,
): Promise<DataManifest> {
  const { folder, sources, tokenizer, written, split } = content;
  const tokenizerText = `${JSON.stringify(tokenizer.description)}\n`;
  await writeText(join(folder, "tokenizer.json"), tokenizerText, files);
  const manifest: DataManifest = {
    format: "smallinit-data",
    formatVersion: DATA_FORMAT_VERSION,
    tokenizer: tokenizer.description.type,
    vocabSize: tokenizer.vocabSize,
    ...written,
    tokenizerSha256: createHash("sha256").update(tokenizerText).digest("hex"),
    split,
    numSources: sources.length,
    sources: sources.slice(0, LISTED_SOURCES_MAX).map(({ name, bytes }) => ({ name, bytes })),
  };
  await writeText(join(folder, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`, files);
  return manifest;
}

async function writeText(path: string, text: string, files: FileLayer): Promise<void> {
  try {
    await writePieces(path, [Buffer.from(text)], files);
  } catch (cause) {
    throw asWriteError(path, cause);
  }
}
