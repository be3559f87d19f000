import fc from "fast-check";
import { expect, test } from "vitest";
import { loadTokenizer } from "../../../src/data/tokenizers/load-tokenizer.ts";
import type { Tokenizer } from "../../../src/data/tokenizers/tokenizer.ts";

/**
 * What every tokenizer must do; called inside `describe`.
 *
 * @param texts well-formed texts that the tokenizer takes.
 */
export function tokenizerContract(tokenizer: Tokenizer, texts: fc.Arbitrary<string>): void {
  test("gives back any text that it has encoded", () => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  test("gives ids below its vocabulary's size", () => {
    fc.assert(
      fc.property(texts, (text) => tokenizer.encode(text).every((id) => id < tokenizer.vocabSize)),
    );
  });

  test("decodes token by token to the same text, without a broken character on the way", () => {
    fc.assert(
      fc.property(texts, (text) => {
        const stream = tokenizer.decodeStream();
        const pieces = Array.from(tokenizer.encode(text), (token) => stream.push(token));
        expect(pieces.every(isWellFormed)).toBe(true);
        expect(pieces.join("") + stream.end()).toBe(text);
      }),
    );
  });

  test("decodes whatever a model may produce, the same at every call", () => {
    const ids = fc.array(fc.nat(tokenizer.vocabSize + 2), { maxLength: 20 });
    fc.assert(
      fc.property(ids, (tokens) => {
        const text = tokenizer.decode(tokens);
        expect(isWellFormed(text)).toBe(true);
        expect(tokenizer.decode(tokens)).toBe(text);
      }),
    );
  });

  test("reads an id past its vocabulary as U+FFFD", () => {
    expect(tokenizer.decode([tokenizer.vocabSize])).toBe("\ufffd");
  });

  test("comes back equal from its description, through JSON", async () => {
    const copy = await loadTokenizer(JSON.parse(JSON.stringify(tokenizer.description)));
    expect(copy.description).toEqual(tokenizer.description);
    expect(copy.vocabSize).toBe(tokenizer.vocabSize);
    fc.assert(
      fc.property(texts, (text) => {
        expect(copy.encode(text)).toEqual(tokenizer.encode(text));
      }),
    );
  });
}

function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/** Texts of every kind of code point: none, one, two or three units; marks; blanks; U+FEFF; words. */
export const anyText: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary", maxLength: 6 }),
      fc.string({ unit: "grapheme", maxLength: 6 }),
      fc.constantFrom(
        "\ufeff",
        "\ufeffthe",
        " the",
        "'s",
        "  \n",
        "\u0000",
        "e\u0301",
        "<|endoftext|>",
      ),
      fc.constantFrom("naïve", "語学", "👩‍👩‍👧", "नमस्ते", "1234567", "\r\n", "\u0085"),
    ),
    { maxLength: 12 },
  )
  .map((pieces) => pieces.join(""));
