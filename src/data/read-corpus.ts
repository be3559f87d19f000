import type { CorpusFile } from "./corpus-files.ts";
import { readText } from "./read-text.ts";

/** A piece of a corpus's text, in order. */
export interface CorpusPiece {
  readonly text: string;
  /** Index of the document in the corpus. */
  readonly document: number;
  /** No more text of this document comes after, but another document's does. */
  readonly endsDocument: boolean;
  /** Bytes read so far, for progress. */
  readonly doneBytes: number;
}

/**
 * The whole text of a corpus in pieces of up to about a million characters.
 *
 * @param separator stands after each document but the last: "newline" where the document does not end
 *   with one, or "none" for tokenizers that have a token for it.
 * @throws {TrainerError} ERR_CORPUS_ENCODING, ERR_CORPUS_UNREADABLE.
 */
export async function* readCorpus(
  files: readonly CorpusFile[],
  separator: "newline" | "none",
): AsyncGenerator<CorpusPiece> {
  let doneBytes = 0;
  for (const [document, file] of files.entries()) {
    let lastCharacter = "";
    for await (const text of readText(file)) {
      lastCharacter = text.at(-1) ?? lastCharacter;
      yield { text, document, endsDocument: false, doneBytes };
    }
    doneBytes += file.bytes;
    const endsDocument = lastCharacter !== "" && document + 1 < files.length;
    const isOpen = endsDocument && lastCharacter !== "\n";
    const text = isOpen && separator === "newline" ? "\n" : "";
    yield { text, document, endsDocument, doneBytes };
  }
}
