import fc from "fast-check";
import * as packaged from "gpt-tokenizer/encoding/r50k_base";
import { describe, expect, test } from "vitest";
import { gpt2Tokenizer } from "../../../src/data/tokenizers/gpt2-tokenizer.ts";
import { anyText, tokenizerContract } from "./tokenizer-contract.ts";

describe("gpt2Tokenizer", async () => {
  const tokenizer = await gpt2Tokenizer();
  tokenizerContract(tokenizer, anyText);

  // As widely published for GPT-2.
  test.each([
    ["hello world", [31373, 995]],
    ["Hello, world!\n", [15496, 11, 995, 0, 198]],
  ])("gives GPT-2's ids for %j", (text, ids) => {
    expect([...tokenizer.encode(text)]).toEqual(ids);
  });

  test("cuts words where the package's own pattern does, but for U+FEFF and U+0085", () => {
    // In JavaScript, \s has the one and lacks the other; GPT-2's tokenizer has it the other way round.
    const texts = anyText.map((text) => text.replaceAll(/[\ufeff\u0085]/g, ""));
    fc.assert(
      fc.property(texts, (text) => {
        const ordinary = { disallowedSpecial: new Set<string>() };
        expect([...tokenizer.encode(text)]).toEqual(packaged.encode(text, ordinary));
      }),
    );
  });

  test("has the end of text as its last id, and takes the same letters in a text for a text", () => {
    expect(tokenizer.vocabSize).toBe(50257);
    expect(tokenizer.endOfText).toBe(50256);
    expect(tokenizer.decode([50256])).toBe("<|endoftext|>");
    expect([...tokenizer.encode("<|endoftext|>")]).toEqual([27, 91, 437, 1659, 5239, 91, 29]);
  });
});
