import { defined } from "../../base/assert.ts";
import { bytesKey } from "./bpe-tokenizer.ts";
import { singleBytes } from "./byte-tokenizer.ts";
import { PriorityQueue } from "./priority-queue.ts";
import type { BpeTokenizerDescription } from "./tokenizer.ts";

/** A pair that occurs once is no pattern. */
const COUNT_MIN = 2;
/** Ids are below this, so that a pair of them is one number. */
const ID_LIMIT = 2 ** 20;

/**
 * Learns the merges of a byte-level pair encoding from how often words occur.
 *
 * Again and again the most frequent pair of neighbours (of equals, that with the lowest ids) becomes a
 * token (Sennrich, Haddow and Birch 2016). Counts are kept up to date word by word and a heap finds
 * the next pair: 4096 ids from 10 MB of English take about a second. The result depends on nothing
 * but its arguments.
 *
 * @param wordCounts occurrences of each word.
 * @param vocabSize ids wanted, above 256; fewer come out when no pair occurs twice any more.
 */
export function trainBpe(
  wordCounts: ReadonlyMap<string, number>,
  vocabSize: number,
): BpeTokenizerDescription["merges"] {
  const pairs = new PairTable(wordCounts);
  const tokenBytes = singleBytes();
  const ids = new Map(tokenBytes.map((bytes, id) => [bytesKey(bytes), id]));
  const merges: [number, number][] = [];
  while (tokenBytes.length < vocabSize) {
    const pair = pairs.takeMostFrequent();
    if (pair === undefined) break;
    const [left, right] = pair;
    const joined = Uint8Array.of(...bytesAt(tokenBytes, left), ...bytesAt(tokenBytes, right));
    // Two pairs can spell the same bytes ("a"+"bc", "ab"+"c"): these share one id, as in encoding.
    const known = ids.get(bytesKey(joined));
    if (known === undefined) {
      ids.set(bytesKey(joined), tokenBytes.length);
      tokenBytes.push(joined);
      merges.push([left, right]);
    }
    pairs.merge(left, right, known ?? tokenBytes.length - 1);
  }
  return merges;
}

function bytesAt(tokenBytes: readonly Uint8Array[], id: number): Uint8Array {
  return defined(tokenBytes[id], `token ${id}`);
}

interface CountedPair {
  readonly pair: number;
  readonly count: number;
}

/** The words as ids, and how often each pair of neighbours occurs in them. */
class PairTable {
  readonly #words: number[][] = [];
  readonly #wordCounts: number[] = [];
  readonly #counts = new Map<number, number>();
  /** Words that hold a pair, or held it once. */
  readonly #places = new Map<number, Set<number>>();
  /** May hold outdated counts, which are put right when they come up. */
  readonly #queue = new PriorityQueue<CountedPair>(
    (a, b) => a.count > b.count || (a.count === b.count && a.pair < b.pair),
  );

  constructor(wordCounts: ReadonlyMap<string, number>) {
    const encoder = new TextEncoder();
    for (const [word, count] of wordCounts) {
      this.#wordCounts.push(count);
      this.#words.push([...encoder.encode(word)]);
      this.#addPairs(this.#words.length - 1, 1);
    }
    for (const [pair, count] of this.#counts) this.#queue.push({ pair, count });
  }

  /** The most frequent pair; undefined when none occurs often enough. */
  takeMostFrequent(): readonly [number, number] | undefined {
    for (;;) {
      const top = this.#queue.pop();
      if (top === undefined) return undefined;
      const count = this.#counts.get(top.pair) ?? 0;
      if (count === top.count) {
        return count < COUNT_MIN
          ? undefined
          : [Math.floor(top.pair / ID_LIMIT), top.pair % ID_LIMIT];
      }
      // A higher count was queued when it rose, so only lower ones are queued again.
      if (count > 0 && count < top.count) this.#queue.push({ pair: top.pair, count });
    }
  }

  /** Replaces every occurrence of a pair by `id`. */
  merge(left: number, right: number, id: number): void {
    const pair = left * ID_LIMIT + right;
    const risen = new Set<number>();
    for (const wordIndex of this.#places.get(pair) ?? []) {
      const word = defined(this.#words[wordIndex], "word");
      const merged = mergedWord(word, left, right, id);
      if (merged.length === word.length) continue;
      this.#addPairs(wordIndex, -1);
      this.#words[wordIndex] = merged;
      this.#addPairs(wordIndex, 1, risen);
    }
    this.#places.delete(pair);
    this.#counts.delete(pair);
    for (const other of risen) {
      const count = this.#counts.get(other);
      if (count !== undefined) this.#queue.push({ pair: other, count });
    }
  }

  #addPairs(wordIndex: number, sign: 1 | -1, touched?: Set<number>): void {
    const word = defined(this.#words[wordIndex], "word");
    const change = sign * defined(this.#wordCounts[wordIndex], "count");
    for (let i = 1; i < word.length; i++) {
      const pair = (word[i - 1] ?? 0) * ID_LIMIT + (word[i] ?? 0);
      this.#counts.set(pair, (this.#counts.get(pair) ?? 0) + change);
      if (sign === 1) this.#placesOf(pair).add(wordIndex);
      touched?.add(pair);
    }
  }

  #placesOf(pair: number): Set<number> {
    const places = this.#places.get(pair) ?? new Set();
    this.#places.set(pair, places);
    return places;
  }
}

function mergedWord(word: readonly number[], left: number, right: number, id: number): number[] {
  const merged: number[] = [];
  for (let i = 0; i < word.length; i++) {
    const isPair = word[i] === left && word[i + 1] === right;
    merged.push(isPair ? id : (word[i] ?? 0));
    if (isPair) i++;
  }
  return merged;
}
