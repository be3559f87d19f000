import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { charTokenizer } from "../../../src/data/tokenizers/char-tokenizer.ts";
import { tokenizerContract } from "./tokenizer-contract.ts";

describe("charTokenizer", () => {
  const alphabet = "\n !abcé語😀𝒳\ufeff\u0301";
  const tokenizer = charTokenizer(alphabet);
  const characters = fc.constantFrom(...alphabet);
  tokenizerContract(
    tokenizer,
    fc.array(characters).map((list) => list.join("")),
  );

  test("gives each code point its place in the alphabet", () => {
    expect([...tokenizer.encode("ab😀\n")]).toEqual([3, 4, 8, 0]);
  });

  test.each([
    ["a letter", "a?", /"\?" \(U\+003F\) is not among the 12 /],
    ["a character beyond the basic plane", "a🎉", /"🎉" \(U\+1F389\)/],
    ["a control character, shown so that it can be seen", "a\u0007", /"\\u0007" \(U\+0007\)/],
    ["a lone surrogate", "a\ud83d", /"\\ud83d" \(U\+D83D\)/],
  ])("names a character that it does not know: %s", (_, text, message) => {
    expect(() => tokenizer.encode(text)).toThrow(
      expect.objectContaining({
        code: "ERR_TOKENIZER_CHARACTER",
        message: expect.stringMatching(message),
      }),
    );
  });
});
