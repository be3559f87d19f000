import { describe, expect, test } from "vitest";
import { loadTokenizer } from "../../../src/data/tokenizers/load-tokenizer.ts";

describe("loadTokenizer", () => {
  test.each([
    ["nothing", undefined],
    ["null", null],
    ["a list", []],
    ["an unknown type", { type: "wordpiece", vocabSize: 3 }],
    ["another size than it describes", { type: "char", vocabSize: 3, alphabet: "ab" }],
    ["no size", { type: "byte" }],
    ["no alphabet", { type: "char", vocabSize: 3 }],
    ["an empty alphabet", { type: "char", vocabSize: 0, alphabet: "" }],
    ["a character twice", { type: "char", vocabSize: 3, alphabet: "aba" }],
    ["no merges", { type: "bpe", vocabSize: 256, words: "smallinit-1" }],
    ["merges of three", { type: "bpe", vocabSize: 257, words: "smallinit-1", merges: [[1, 2, 3]] }],
    [
      "merges of texts",
      { type: "bpe", vocabSize: 257, words: "smallinit-1", merges: [["a", "b"]] },
    ],
    ["words of another version", { type: "bpe", vocabSize: 256, words: "smallinit-9", merges: [] }],
  ])("refuses what is no description: %s", async (_, description) => {
    await expect(loadTokenizer(description)).rejects.toMatchObject({
      code: "ERR_TOKENIZER_DAMAGED",
    });
  });
});
