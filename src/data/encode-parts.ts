import { countCodePoints } from "./code-points.ts";
import type { PartPiece } from "./split-corpus.ts";
import type { Tokenizer } from "./tokenizers/tokenizer.ts";

/** Text held back while waiting for a place to cut; a longer run without one is cut anywhere. */
const HELD_CODE_UNITS_MAX = 2 ** 20;

/** Tokens of one part, in order. */
export interface EncodedPiece {
  readonly part: PartPiece["part"];
  readonly tokens: Uint32Array;
  readonly numCharacters: number;
  readonly doneBytes: number;
}

/**
 * Encodes split text piece by piece, with the tokens that the whole would have.
 *
 * Tokenizers never join a character other than a blank to a blank after it, so text may be cut there.
 * What goes on in the next piece is held back until then.
 */
export async function* encodeParts(
  pieces: AsyncIterable<PartPiece>,
  tokenizer: Tokenizer,
): AsyncGenerator<EncodedPiece> {
  let part: PartPiece["part"] = "train";
  let held = "";
  let doneBytes = 0;
  function encoded(text: string): EncodedPiece {
    const tokens = tokenizer.encode(text);
    return { part, tokens, numCharacters: countCodePoints(text), doneBytes };
  }

  for await (const piece of pieces) {
    if (piece.part !== part && held !== "") {
      yield encoded(held);
      held = "";
    }
    part = piece.part;
    doneBytes = piece.doneBytes;
    held += piece.text;
    const length = cutLength(held);
    if (length > 0) yield encoded(held.slice(0, length));
    held = held.slice(length);
    if (piece.endsDocument && tokenizer.endOfText !== undefined) {
      if (held !== "") yield encoded(held);
      held = "";
      const tokens = Uint32Array.of(tokenizer.endOfText);
      yield { part, tokens, numCharacters: 0, doneBytes };
    }
  }
  if (held !== "") yield encoded(held);
}

/** How much of the beginning of `text` can be encoded without knowing what follows. */
function cutLength(text: string): number {
  for (let i = text.length - 1; i > 0; i--) {
    const isBlank = text[i] === " " || text[i] === "\n";
    if (isBlank && !/\s/.test(text[i - 1] ?? "")) return i;
  }
  return text.length > HELD_CODE_UNITS_MAX ? text.length : 0;
}
