import type { PartPiece } from "./split-corpus.ts";

/** Text held back while waiting for a place to cut; a longer run without one is cut anywhere. */
const HELD_CODE_UNITS_MAX = 2 ** 20;

/**
 * Shifts the borders between pieces to where words end, so that each piece can be encoded by itself.
 *
 * No tokenizer joins a blank to a character before it that is none (tokenizers/word-patterns.ts), so
 * text may be cut there; the rest is held back until more comes. Pieces end with their part and with
 * their document.
 */
export async function* wholeWords(pieces: AsyncIterable<PartPiece>): AsyncGenerator<PartPiece> {
  let held: PartPiece = { part: "train", text: "", endsDocument: false };
  for await (const piece of pieces) {
    if (piece.part !== held.part) {
      if (held.text !== "") yield held;
      held = { ...piece, text: "" };
    }
    const text = held.text + piece.text;
    if (piece.endsDocument) {
      yield { ...piece, text };
      held = { ...piece, text: "", endsDocument: false };
    } else {
      const length = cutLength(text);
      if (length > 0) yield { ...piece, text: text.slice(0, length) };
      held = { ...piece, text: text.slice(length) };
    }
  }
  if (held.text !== "") yield held;
}

/** How much of the beginning of `text` can be encoded without knowing what follows. */
function cutLength(text: string): number {
  for (let i = text.length - 1; i > 0; i--) {
    const isBlank = text[i] === " " || text[i] === "\n";
    if (isBlank && !/\p{White_Space}/u.test(text[i - 1] ?? "")) return i;
  }
  return text.length > HELD_CODE_UNITS_MAX ? text.length : 0;
}
