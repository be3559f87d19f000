import { type FileHandle, open } from "node:fs/promises";
import { assert } from "../base/assert.ts";
import { damaged, missing } from "./data-errors.ts";

/** How token ids lie in a file: little-endian, without a header. */
export type TokenType = "uint16" | "uint32";

/** Bytes of one token id. */
export const TOKEN_BYTES: Readonly<Record<TokenType, number>> = { uint16: 2, uint32: 4 };

/** Files up to this size are read whole, at the first reading: a call per window is most of a feed's cost. */
const KEPT_BYTES_MAX = 64 * 2 ** 20;

/** One part of a data folder: a long array of token ids, read from its file piece by piece. */
export interface TokenStore extends AsyncDisposable {
  readonly numTokens: number;
  /**
   * Tokens [start, start + count), which must lie within the part. Memory: twice the result's, and
   * for files up to 64 MiB the file's.
   *
   * @throws {TrainerError} ERR_DATA_DAMAGED when the file is now too short, or an id is not below the
   *   vocabulary's size.
   */
  read(start: number, count: number): Promise<Uint32Array>;
}

/** Where a part lies and what its ids may be. */
export interface TokenStoreOptions {
  readonly path: string;
  readonly type: TokenType;
  /** Ids must be below this. */
  readonly vocabSize: number;
}

/**
 * Opens a file of token ids for reading.
 *
 * @throws {TrainerError} ERR_DATA_MISSING when it cannot be opened; ERR_DATA_DAMAGED when its size is
 *   no whole number of tokens.
 */
export async function openTokenStore(options: TokenStoreOptions): Promise<TokenStore> {
  const { path, type, vocabSize } = options;
  const file = await openFile(path);
  try {
    const numTokens = (await file.stat()).size / TOKEN_BYTES[type];
    if (!Number.isInteger(numTokens)) {
      throw damaged(path, `its size is no whole number of ${type} tokens`);
    }
    let kept: Promise<Uint8Array> | undefined;
    const bytesOf = async (start: number, count: number) => {
      if (numTokens * TOKEN_BYTES[type] > KEPT_BYTES_MAX) {
        return readFully({ file, path, start, count, type });
      }
      kept ??= readFully({ file, path, start: 0, count: numTokens, type });
      const whole = await kept;
      return whole.slice(start * TOKEN_BYTES[type], (start + count) * TOKEN_BYTES[type]);
    };
    return {
      numTokens,
      async read(start, count) {
        assert(
          Number.isSafeInteger(start) && start >= 0 && count >= 0 && start + count <= numTokens,
          `tokens [${start}, ${start + count}) of ${numTokens}`,
        );
        const bytes = await bytesOf(start, count);
        return checkedIds({ ids: idsOf(bytes, type), start, vocabSize, path });
      },
      [Symbol.asyncDispose]: () => file.close(),
    };
  } catch (cause) {
    await file.close();
    throw cause;
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (cause) {
    throw missing(path, cause);
  }
}

interface Reading {
  readonly file: FileHandle;
  readonly path: string;
  readonly start: number;
  readonly count: number;
  readonly type: TokenType;
}

async function readFully({ file, path, start, count, type }: Reading): Promise<Uint8Array> {
  const tokenBytes = TOKEN_BYTES[type];
  const bytes = new Uint8Array(count * tokenBytes);
  let filled = 0;
  while (filled < bytes.length) {
    const position = start * tokenBytes + filled;
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, position);
    if (bytesRead === 0) throw damaged(path, "it became shorter since it was opened");
    filled += bytesRead;
  }
  return bytes;
}

function idsOf(bytes: Uint8Array, type: TokenType): Uint32Array {
  // `bytes` is freshly made, so its offset is 0 and the views are aligned.
  return type === "uint16"
    ? Uint32Array.from(new Uint16Array(bytes.buffer))
    : new Uint32Array(bytes.buffer);
}

interface Ids {
  readonly ids: Uint32Array;
  readonly start: number;
  readonly vocabSize: number;
  readonly path: string;
}

function checkedIds({ ids, start, vocabSize, path }: Ids): Uint32Array {
  const wrong = ids.findIndex((id) => id >= vocabSize);
  if (wrong === -1) return ids;
  throw damaged(
    path,
    `token ${start + wrong} is ${ids[wrong]}, but the vocabulary has ${vocabSize} ids`,
  );
}
