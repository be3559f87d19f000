import { BytePairEncodingCore } from "gpt-tokenizer/BytePairEncodingCore";
import { byteDecoding } from "./byte-decoding.ts";
import type { Tokenizer, TokenizerDescription } from "./tokenizer.ts";

/** What a byte-level pair encoding consists of. */
export interface BytePairVocabulary {
  readonly description: TokenizerDescription;
  /** The bytes of each id; lower ids are merged first. All 256 single bytes are among them. */
  readonly tokenBytes: readonly Uint8Array[];
  /** Cuts text into the words inside which bytes are merged; matches any text whole. */
  readonly wordPattern: RegExp;
  /** Follows `tokenBytes`, with the text that it reads as. */
  readonly endOfText?: string;
}

const BYTE_ORDER_MARK = "\ufeff";
const BYTE_ORDER_MARK_BYTES = [0xef, 0xbb, 0xbf];

/**
 * A byte-level pair encoding: `gpt-tokenizer` merges, words that it has seen coming from its cache.
 *
 * Decoding is ours, and U+FEFF stays three single bytes: the package drops that character from what it
 * decodes, and keeps unfinished bytes of one call for the next (gpt-tokenizer 4.0.0).
 */
export function bytePairTokenizer(vocabulary: BytePairVocabulary): Tokenizer {
  const { description, tokenBytes, wordPattern, endOfText } = vocabulary;
  const core = new BytePairEncodingCore({
    bytePairRankDecoder: tokenBytes.map(asRank),
    tokenSplitRegex: wordPattern,
  });
  const singleBytes = new Map(tokenBytes.flatMap((bytes, id) => pairWhenSingle(bytes, id)));
  const markIds = BYTE_ORDER_MARK_BYTES.map((byte) => singleBytes.get(byte) ?? 0);

  function encode(text: string): Uint32Array {
    const [first = "", ...others] = text.split(BYTE_ORDER_MARK);
    const tokens = core.encodeNative(first);
    if (others.length === 0) return Uint32Array.from(tokens);
    const pieces = others.map((piece) => [...markIds, ...core.encodeNative(piece)]);
    return Uint32Array.from([tokens, ...pieces].flat());
  }
  const end = endOfText === undefined ? [] : [new TextEncoder().encode(endOfText)];
  return {
    description,
    vocabSize: tokenBytes.length + end.length,
    endOfText: endOfText === undefined ? undefined : tokenBytes.length,
    encode,
    ...byteDecoding([...tokenBytes, ...end]),
  };
}

function pairWhenSingle(bytes: Uint8Array, id: number): [number, number][] {
  const [byte] = bytes;
  return bytes.length === 1 && byte !== undefined ? [[byte, id]] : [];
}

/** The package wants text where bytes are text, and numbers where they are not. */
function asRank(bytes: Uint8Array): string | number[] {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return [...bytes];
  }
}
