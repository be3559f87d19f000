import { byteDecoding } from "./byte-decoding.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Ids are the bytes of UTF-8. */
export function byteTokenizer(): Tokenizer {
  const encoder = new TextEncoder();
  return {
    description: { type: "byte", vocabSize: 256 },
    vocabSize: 256,
    endOfText: undefined,
    encode: (text) => Uint32Array.from(encoder.encode(text)),
    ...byteDecoding(singleBytes()),
  };
}

/** The 256 byte strings of length one, in order. */
export function singleBytes(): Uint8Array[] {
  return Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
}
