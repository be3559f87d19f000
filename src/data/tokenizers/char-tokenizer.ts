import { TrainerError } from "../../base/errors.ts";
import type { Tokenizer } from "./tokenizer.ts";

const REPLACEMENT = "\ufffd";

/**
 * Ids are the places of Unicode code points in an alphabet.
 *
 * @param alphabet distinct code points in the order of their ids. `prepare` gives them sorted, so ids
 *   equal those of nanoGPT's character data.
 */
export function charTokenizer(alphabet: string): Tokenizer {
  const characters = [...alphabet];
  const ids = new Map(characters.map((character, id) => [character, id]));
  const vocabSize = characters.length;

  function encode(text: string): Uint32Array {
    const tokens = new Uint32Array(text.length);
    let numTokens = 0;
    for (const character of text) {
      const id = ids.get(character);
      if (id === undefined) throw unknownCharacter(character, vocabSize);
      tokens[numTokens++] = id;
    }
    return tokens.slice(0, numTokens);
  }
  const characterOf = (token: number) => characters[token] ?? REPLACEMENT;
  return {
    description: { type: "char", vocabSize, alphabet },
    vocabSize,
    endOfText: undefined,
    encode,
    decode: (tokens) => Array.from(tokens, characterOf).join(""),
    decodeStream: () => ({ push: characterOf, end: () => "" }),
  };
}

function unknownCharacter(character: string, vocabSize: number): TrainerError {
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
  return new TrainerError(
    "ERR_TOKENIZER_CHARACTER",
    `The character ${JSON.stringify(character)} (U+${code}) is not among the ${vocabSize} that this ` +
      "char tokenizer was prepared with. Leave it out, or prepare the data with --tokenizer byte or bpe.",
  );
}
