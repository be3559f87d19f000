import { type FileHandle, open } from "node:fs/promises";
import { TrainerError } from "../base/errors.ts";
import { type CorpusFile, unreadable } from "./corpus-files.ts";

/** Bytes read at a time; decides nothing but memory and speed. */
const CHUNK_BYTES = 2 ** 20;

/**
 * The text of a file in pieces, without a byte order mark. No character is cut.
 *
 * @throws {TrainerError} ERR_CORPUS_ENCODING with the place of the first byte that is not UTF-8;
 *   ERR_CORPUS_UNREADABLE.
 */
export async function* readText(file: CorpusFile): AsyncGenerator<string> {
  let isStart = true;
  for await (const piece of wholeCharacters(file)) {
    const text = decoded(file, piece);
    yield isStart && text.startsWith("\ufeff") ? text.slice(1) : text;
    isStart = false;
  }
}

function decoded(file: CorpusFile, { bytes, position }: Piece): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new TrainerError(
      "ERR_CORPUS_ENCODING",
      `${file.path} is not UTF-8 text: byte ${position + numValidBytes(bytes)} does not fit. ` +
        "Leave the file out, or convert it, for example with `iconv -f LATIN1 -t UTF-8`.",
      { cause },
    );
  }
}

interface Piece {
  readonly bytes: Uint8Array;
  /** Of the first byte in the file. */
  readonly position: number;
}

/** The bytes of a file in pieces that end where a character does (as far as the bytes are UTF-8). */
async function* wholeCharacters(file: CorpusFile): AsyncGenerator<Piece> {
  const handle = await openFile(file);
  try {
    let kept: Uint8Array = new Uint8Array(0);
    let position = 0;
    for (;;) {
      const buffer = new Uint8Array(kept.length + CHUNK_BYTES);
      buffer.set(kept);
      const filled = await fill(handle, file, buffer, kept.length, position + kept.length);
      const isEnd = filled < buffer.length;
      const length = isEnd ? filled : filled - unfinishedBytes(buffer);
      if (length > 0) yield { bytes: buffer.subarray(0, length), position };
      if (isEnd) return;
      kept = buffer.slice(length);
      position += length;
    }
  } finally {
    await handle.close();
  }
}

async function openFile(file: CorpusFile): Promise<FileHandle> {
  try {
    return await open(file.path, "r");
  } catch (cause) {
    throw unreadable(file.path, cause);
  }
}

/** Reads until `buffer` is full or the file ends; gives the number of bytes then in `buffer`. */
async function fill(
  handle: FileHandle,
  file: CorpusFile,
  buffer: Uint8Array,
  start: number,
  position: number,
): Promise<number> {
  let filled = start;
  while (filled < buffer.length) {
    try {
      const place = position + filled - start;
      const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, place);
      if (bytesRead === 0) break;
      filled += bytesRead;
    } catch (cause) {
      throw unreadable(file.path, cause);
    }
  }
  return filled;
}

/** How many of the last bytes begin a character that goes on after them. */
function unfinishedBytes(bytes: Uint8Array): number {
  for (let back = 1; back <= 3; back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return back < needed ? back : 0;
    }
  }
  return 0;
}

/** The length of the longest start of `bytes` that can begin UTF-8 text. */
function numValidBytes(bytes: Uint8Array): number {
  let [valid, invalid] = [0, bytes.length + 1];
  while (invalid - valid > 1) {
    const middle = (valid + invalid) >>> 1;
    if (beginsText(bytes.subarray(0, middle))) valid = middle;
    else invalid = middle;
  }
  return valid;
}

function beginsText(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}
