import { describe, expect, test } from "vitest";
import { byteTokenizer } from "../../../src/data/tokenizers/byte-tokenizer.ts";
import { anyText, tokenizerContract } from "./tokenizer-contract.ts";

describe("byteTokenizer", () => {
  const tokenizer = byteTokenizer();
  tokenizerContract(tokenizer, anyText);

  test("gives the bytes of UTF-8", () => {
    expect([...tokenizer.encode("aé😀")]).toEqual([0x61, 0xc3, 0xa9, 0xf0, 0x9f, 0x98, 0x80]);
  });

  test("takes a lone surrogate, which UTF-8 cannot say, for U+FFFD", () => {
    expect(tokenizer.decode(tokenizer.encode("a\ud800b"))).toBe("a\ufffdb");
  });

  test("holds a character back until its last byte, and says at the end that one was cut", () => {
    const stream = tokenizer.decodeStream();
    const pieces = [0x61, 0xe8, 0xaa, 0x9e, 0xf0, 0x9f].map((byte) => stream.push(byte));
    expect([...pieces, stream.end()]).toEqual(["a", "", "", "語", "", "", "\ufffd"]);
  });
});
