import { TrainerError } from "../base/errors.ts";
import { damaged } from "./data-errors.ts";
import { readJson } from "./read-json.ts";
import type { TokenType } from "./token-store.ts";
import type { TokenizerName } from "./tokenizers/tokenizer.ts";

/** Raised when a data folder changes its meaning. */
export const DATA_FORMAT_VERSION = 1;

/** The content of a data folder's `manifest.json`. */
export interface DataManifest {
  readonly format: "smallinit-data";
  readonly formatVersion: typeof DATA_FORMAT_VERSION;
  readonly tokenizer: TokenizerName;
  readonly vocabSize: number;
  readonly tokenType: TokenType;
  readonly train: PartManifest;
  readonly validation: PartManifest;
  /** SHA-256 of `tokenizer.json`. */
  readonly tokenizerSha256: string;
  readonly split: SplitManifest;
  /** What was read, in the order of reading; at most the first 1000 documents. */
  readonly sources: readonly SourceManifest[];
  readonly numSources: number;
}

/** One part's file. */
export interface PartManifest {
  readonly file: "train.bin" | "val.bin";
  readonly numTokens: number;
  /** Code points of the text behind the tokens. */
  readonly numCharacters: number;
  readonly sha256: string;
}

/** How validation text was chosen. */
export interface SplitManifest {
  readonly kind: "interleaved" | "tail";
  /** Validation's part of the characters, as asked. */
  readonly fraction: number;
  /** What `interleaved` chose among: whole documents, or blocks of this many characters. */
  readonly unit?: "documents" | "blocks";
  readonly blockCharacters?: number;
}

/** One document. */
export interface SourceManifest {
  /** Its path below the folder that was named, or its name alone: the same on every machine. */
  readonly name: string;
  readonly bytes: number;
}

/**
 * Reads and checks a manifest.
 *
 * @returns undefined when there is none: nanoGPT's folders have only token files.
 * @throws {TrainerError} ERR_DATA_MISSING, ERR_DATA_DAMAGED, ERR_DATA_VERSION.
 */
export async function readManifest(path: string): Promise<DataManifest | undefined> {
  const content = await readJson(path);
  return content === undefined ? undefined : checkedManifest(path, content);
}

function checkedManifest(path: string, value: unknown): DataManifest {
  const manifest = recordOf(value);
  if (manifest?.format !== "smallinit-data") {
    throw damaged(path, "it is no manifest of a smallinit data folder");
  }
  if (manifest.formatVersion !== DATA_FORMAT_VERSION) {
    throw new TrainerError(
      "ERR_DATA_VERSION",
      `${path} has format version ${JSON.stringify(manifest.formatVersion)}; this smallinit reads ` +
        `version ${DATA_FORMAT_VERSION}. Prepare the data again with this version.`,
    );
  }
  const isWhole =
    isCount(manifest.vocabSize) &&
    manifest.vocabSize > 0 &&
    (manifest.tokenType === "uint16" || manifest.tokenType === "uint32") &&
    isPart(manifest.train, "train.bin") &&
    isPart(manifest.validation, "val.bin") &&
    isDigest(manifest.tokenizerSha256);
  if (!isWhole) throw damaged(path, "fields are missing or of the wrong type");
  // The fields that anything depends on were just checked; the others are for people.
  return value as DataManifest;
}

function isPart(value: unknown, file: string): boolean {
  const part = recordOf(value);
  return part?.file === file && isCount(part.numTokens) && isDigest(part.sha256);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isDigest(value: unknown): boolean {
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}
