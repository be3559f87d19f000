import { countCodePoints } from "./code-points.ts";
import type { PartPiece } from "./split-corpus.ts";
import type { Tokenizer } from "./tokenizers/tokenizer.ts";
import { wholeWords } from "./whole-words.ts";

/** Tokens of one part, in order. */
export interface EncodedPiece {
  readonly part: PartPiece["part"];
  readonly tokens: Uint32Array;
  readonly numCharacters: number;
}

/** Encodes split text piece by piece, with the tokens that each stretch of a part would have as a whole. */
export async function* encodeParts(
  pieces: AsyncIterable<PartPiece>,
  tokenizer: Tokenizer,
): AsyncGenerator<EncodedPiece> {
  const { endOfText } = tokenizer;
  for await (const { part, text, endsDocument } of wholeWords(pieces)) {
    yield { part, tokens: tokenizer.encode(text), numCharacters: countCodePoints(text) };
    if (endsDocument && endOfText !== undefined) {
      yield { part, tokens: Uint32Array.of(endOfText), numCharacters: 0 };
    }
  }
}
