import { join } from "node:path";
import { fileDigest } from "../base/file-digest.ts";
import { damaged } from "./data-errors.ts";
import { type DataManifest, type PartManifest, readManifest } from "./manifest.ts";
import { readJson } from "./read-json.ts";
import { openTokenStore, type TokenStore } from "./token-store.ts";
import { loadTokenizer } from "./tokenizers/load-tokenizer.ts";
import type { TokenizerDescription } from "./tokenizers/tokenizer.ts";
import { visitTokens } from "./visit-tokens.ts";

/** An opened data folder: what `prepare` wrote, or what nanoGPT's scripts did. */
export interface DataFolder extends AsyncDisposable {
  readonly path: string;
  readonly train: TokenStore;
  readonly validation: TokenStore;
  /** Ids of both parts are below this. */
  readonly vocabSize: number;
  /** Undefined for files that came without a `tokenizer.json`. */
  readonly tokenizer: TokenizerDescription | undefined;
  /** Undefined for files that came without a `manifest.json`. */
  readonly manifest: DataManifest | undefined;
}

/** How `openDataFolder` looks at what it opens. */
export interface OpenDataOptions {
  /** Read both parts through and compare their SHA-256; else their sizes alone. Default true. */
  readonly checksums?: boolean;
}

/**
 * Opens a data folder and checks it.
 *
 * With a manifest, sizes and checksums must agree with it. Without one the files are taken for
 * nanoGPT's: uint16, and the vocabulary goes to the largest id found (or is `tokenizer.json`'s, where
 * there is one).
 *
 * @throws {TrainerError} ERR_DATA_MISSING without a folder or its token files; ERR_DATA_DAMAGED when a
 *   file is truncated or altered; ERR_DATA_VERSION when a newer smallinit wrote it;
 *   ERR_TOKENIZER_DAMAGED.
 */
export async function openDataFolder(
  path: string,
  { checksums = true }: OpenDataOptions = {},
): Promise<DataFolder> {
  const manifest = await readManifest(join(path, "manifest.json"));
  const description = await readTokenizer(join(path, "tokenizer.json"));
  if (manifest === undefined) return openBareFolder(path, description);
  if (description === undefined) throw damaged(path, "tokenizer.json is missing");
  await checkDigest(join(path, "tokenizer.json"), manifest.tokenizerSha256);
  if (description.vocabSize !== manifest.vocabSize) {
    throw damaged(path, "tokenizer.json and manifest.json disagree about vocabSize");
  }
  return openParts({ path, manifest, description, vocabSize: manifest.vocabSize, checksums });
}

/** Files without a manifest: the vocabulary is found by reading all of them. */
async function openBareFolder(
  path: string,
  description: TokenizerDescription | undefined,
): Promise<DataFolder> {
  const unlimited = { path, manifest: undefined, description, checksums: false };
  if (description !== undefined) {
    return openParts({ ...unlimited, vocabSize: description.vocabSize });
  }
  const folder = await openParts({ ...unlimited, vocabSize: Number.POSITIVE_INFINITY });
  try {
    const largest = Math.max(await largestId(folder.train), await largestId(folder.validation));
    if (largest < 0) throw damaged(path, "train.bin and val.bin are empty");
    return { ...folder, vocabSize: largest + 1 };
  } catch (cause) {
    await folder[Symbol.asyncDispose]();
    throw cause;
  }
}

async function largestId(store: TokenStore): Promise<number> {
  let largest = -1;
  await visitTokens(store, (tokens) => {
    for (const token of tokens) if (token > largest) largest = token;
  });
  return largest;
}

interface Parts {
  readonly path: string;
  readonly manifest: DataManifest | undefined;
  readonly description: TokenizerDescription | undefined;
  readonly vocabSize: number;
  readonly checksums: boolean;
}

async function openParts(parts: Parts): Promise<DataFolder> {
  const { path, manifest, description, vocabSize } = parts;
  const train = await openPart(parts, "train.bin", manifest?.train);
  let validation: TokenStore;
  try {
    validation = await openPart(parts, "val.bin", manifest?.validation);
  } catch (cause) {
    await train[Symbol.asyncDispose]();
    throw cause;
  }
  return {
    ...{ path, train, validation, vocabSize, manifest },
    tokenizer: description,
    async [Symbol.asyncDispose]() {
      await train[Symbol.asyncDispose]();
      await validation[Symbol.asyncDispose]();
    },
  };
}

async function openPart(
  { path, manifest, vocabSize, checksums }: Parts,
  file: PartManifest["file"],
  expected: PartManifest | undefined,
): Promise<TokenStore> {
  const filePath = join(path, file);
  const type = manifest?.tokenType ?? "uint16";
  const store = await openTokenStore({ path: filePath, type, vocabSize });
  try {
    if (expected !== undefined && store.numTokens !== expected.numTokens) {
      throw damaged(filePath, `it has ${store.numTokens} tokens instead of ${expected.numTokens}`);
    }
    if (expected !== undefined && checksums) await checkDigest(filePath, expected.sha256);
    return store;
  } catch (cause) {
    await store[Symbol.asyncDispose]();
    throw cause;
  }
}

async function checkDigest(path: string, expected: string): Promise<void> {
  const digest = await fileDigest(path);
  if (digest !== expected) {
    throw damaged(path, `its SHA-256 is ${digest}, but manifest.json says ${expected}`);
  }
}

async function readTokenizer(path: string): Promise<TokenizerDescription | undefined> {
  const content = await readJson(path);
  return content === undefined ? undefined : (await loadTokenizer(content)).description;
}
