import { createHash } from "node:crypto";
import type { FileLayer } from "../base/file-layer.ts";
import { asWriteError } from "../base/write-error.ts";
import { TOKEN_BYTES, type TokenType } from "./token-store.ts";

/** Tokens gathered before they are written: small writes are slow. */
const BUFFERED_TOKENS = 2 ** 18;

/** Writes one part's file from its beginning to its end. */
export interface TokenFileWriter extends AsyncDisposable {
  /** Appends; copies what it does not write at once. */
  write(tokens: Uint32Array): Promise<void>;
  /** Writes what is left and forces it to the disk. Called once, last. */
  finish(): Promise<{ readonly numTokens: number; readonly sha256: string }>;
}

/**
 * Creates a token file.
 *
 * @throws {TrainerError} ERR_WRITE, here and later: a full disk, a folder that cannot be written.
 */
export async function createTokenFile(
  path: string,
  type: TokenType,
  files: FileLayer,
): Promise<TokenFileWriter> {
  const file = await writing(path, () => files.open(path, "wx"));
  const hash = createHash("sha256");
  const buffer =
    type === "uint16" ? new Uint16Array(BUFFERED_TOKENS) : new Uint32Array(BUFFERED_TOKENS);
  let buffered = 0;
  let numTokens = 0;

  async function flush(): Promise<void> {
    const bytes = new Uint8Array(buffer.buffer, 0, buffered * TOKEN_BYTES[type]);
    hash.update(bytes);
    // writeFile on a handle goes on where the last one ended, and repeats short writes.
    await writing(path, () => file.writeFile(bytes));
    buffered = 0;
  }
  return {
    async write(tokens) {
      for (let start = 0; start < tokens.length; ) {
        const piece = tokens.subarray(start, start + BUFFERED_TOKENS - buffered);
        buffer.set(piece, buffered);
        buffered += piece.length;
        start += piece.length;
        if (buffered === BUFFERED_TOKENS) await flush();
      }
      numTokens += tokens.length;
    },
    async finish() {
      await flush();
      await writing(path, () => file.sync());
      return { numTokens, sha256: hash.digest("hex") };
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}

async function writing<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw asWriteError(path, cause);
  }
}
