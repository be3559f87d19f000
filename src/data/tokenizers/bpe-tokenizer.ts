import { TrainerError } from "../../base/errors.ts";
import { bytePairTokenizer } from "./byte-pair-tokenizer.ts";
import { singleBytes } from "./byte-tokenizer.ts";
import type { BpeTokenizerDescription, Tokenizer } from "./tokenizer.ts";
import { WORD_PATTERNS } from "./word-patterns.ts";

/** Bytes of one token; no word that `smallinit-1` cuts is longer than 64 characters and a blank. */
const TOKEN_BYTES_MAX = 257;

/**
 * The byte-level pair encoding of trained merges.
 *
 * @throws {TrainerError} ERR_TOKENIZER_DAMAGED when a merge refers to no earlier id, or yields bytes
 *   that have an id or that no word can hold.
 */
export function bpeTokenizer(merges: BpeTokenizerDescription["merges"]): Tokenizer {
  const tokenBytes = singleBytes();
  const known = new Set(tokenBytes.map(bytesKey));
  for (const [left, right] of merges) {
    const joined = joinedBytes(tokenBytes, left, right);
    if (joined === undefined || known.has(bytesKey(joined))) {
      throw new TrainerError(
        "ERR_TOKENIZER_DAMAGED",
        `Merge ${tokenBytes.length - 256} of this bpe tokenizer, [${left}, ${right}], makes no new ` +
          "token. Prepare the data again, or take tokenizer.json from an intact copy.",
      );
    }
    known.add(bytesKey(joined));
    tokenBytes.push(joined);
  }
  const vocabSize = tokenBytes.length;
  return bytePairTokenizer({
    description: { type: "bpe", vocabSize, words: "smallinit-1", merges },
    tokenBytes,
    wordPattern: WORD_PATTERNS["smallinit-1"],
  });
}

/** A byte string as a key of a map. */
export function bytesKey(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function joinedBytes(
  tokenBytes: readonly Uint8Array[],
  left: number,
  right: number,
): Uint8Array | undefined {
  const [first, second] = [tokenBytes[left], tokenBytes[right]];
  if (first === undefined || second === undefined) return undefined;
  if (first.length + second.length > TOKEN_BYTES_MAX) return undefined;
  return Uint8Array.of(...first, ...second);
}
