import { WORD_PATTERNS } from "./word-patterns.ts";

/** Different words kept at most; past it, the rarest are forgotten. */
const WORDS_MAX = 2 ** 20;

/**
 * Counts words for training, in bounded memory.
 *
 * Once more than about a million different words are known, those seen least are dropped, again and
 * again: such words could hardly become tokens.
 *
 * @param texts pieces that end where a word does.
 * @param wordsMax for tests; the result depends on it only when it is reached.
 */
export async function countWords(
  texts: AsyncIterable<string>,
  wordsMax = WORDS_MAX,
): Promise<Map<string, number>> {
  let counts = new Map<string, number>();
  for await (const text of texts) {
    // U+FEFF is never merged: see bytePairTokenizer.
    for (const piece of text.split("\ufeff")) {
      for (const [word] of piece.matchAll(WORD_PATTERNS["smallinit-1"])) {
        counts.set(word, (counts.get(word) ?? 0) + 1);
      }
    }
    for (let rare = 1; counts.size > wordsMax; rare++) {
      counts = new Map([...counts].filter(([, count]) => count > rare));
    }
  }
  return counts;
}
