import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bpeTokenizer } from "../../../src/data/tokenizers/bpe-tokenizer.ts";
import { countWords } from "../../../src/data/tokenizers/count-words.ts";
import { trainBpe } from "../../../src/data/tokenizers/train-bpe.ts";
import { anyText, tokenizerContract } from "./tokenizer-contract.ts";

/** Text that makes merges inside and across characters of several bytes, and of blanks. */
const text = fc
  .sample(anyText, { seed: 5, numRuns: 300 })
  .concat(Array(20).fill(" the other then naïve 語学 👩‍👩‍👧 \ufeffthe   \n\n\n"))
  .join(" ");
const merges = trainBpe(await countWords(asStream([text])), 400);

describe("bpeTokenizer", () => {
  const tokenizer = bpeTokenizer(merges);
  tokenizerContract(tokenizer, anyText);

  test("agrees with merging by hand, merge by merge in the order of training", () => {
    fc.assert(
      fc.property(fc.constantFrom(" the", " other", "naïve", "語学", "then", " \n"), (word) => {
        expect([...tokenizer.encode(word)]).toEqual(mergedByHand(word));
      }),
    );
  });

  test("keeps words of a text without blanks short enough to merge", () => {
    const tokens = tokenizer.encode("the".repeat(100_000));
    expect(tokenizer.decode(tokens)).toBe("the".repeat(100_000));
    expect(tokens.length).toBeLessThan(200_000);
  });

  test.each([
    ["an id that comes later", [[300, 97]]],
    ["an id of its own", [[256, 97]]],
    ["a negative id", [[-1, 97]]],
    ["no whole number", [[97.5, 97]]],
    [
      "bytes that have an id",
      [
        [97, 98],
        [256, 99],
        [98, 99],
        [97, 258],
      ],
    ],
    ["ever longer tokens", Array.from({ length: 9 }, (_, i) => [i && 255 + i, i && 255 + i])],
  ] as [string, [number, number][]][])("refuses merges of %s", (_, damaged) => {
    expect(() => bpeTokenizer(damaged)).toThrow(
      expect.objectContaining({ code: "ERR_TOKENIZER_DAMAGED" }),
    );
  });
});

describe("trainBpe", () => {
  test("merges the most frequent pair first, and of equals the one with the lowest ids", () => {
    const counts = new Map([
      ["ab", 3],
      ["cd", 3],
      ["bb", 5],
    ]);
    expect(trainBpe(counts, 259)).toEqual([
      [98, 98],
      [97, 98],
      [99, 100],
    ]);
  });

  test("counts neighbours anew after each merge", () => {
    // "aab": first [a, a] (6 of 3 · 2 places), then the new token with b.
    expect(
      trainBpe(
        new Map([
          ["aab", 3],
          ["aac", 3],
        ]),
        258,
      ),
    ).toEqual([
      [97, 97],
      [256, 98],
    ]);
  });

  test("gives the same merges as counting every pair anew before each merge", () => {
    const words = fc.dictionary(
      fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 9 }),
      fc.integer({ min: 1, max: 9 }),
      { maxKeys: 12 },
    );
    fc.assert(
      fc.property(words, (dictionary) => {
        const counts = new Map(Object.entries(dictionary));
        expect(trainBpe(counts, 275)).toEqual(mergesByCountingAnew(counts, 275));
      }),
      { numRuns: 300 },
    );
  });

  test("stops when no pair occurs twice", () => {
    expect(
      trainBpe(
        new Map([
          ["abc", 1],
          ["xyab", 1],
        ]),
        1000,
      ),
    ).toEqual([[97, 98]]);
  });
});

describe("countWords", () => {
  test("counts words, and leaves U+FEFF out", async () => {
    const counts = await countWords(asStream(["the the", " the\ufeffthe  12345"]));
    expect([...counts]).toEqual([
      ["the", 2],
      [" the", 2],
      [" ", 1],
      [" 123", 1],
      ["45", 1],
    ]);
  });

  test("forgets the rarest words when there are too many", async () => {
    const texts = [..."abcdefgh"].map((letter, i) => ` ${letter}`.repeat(i < 2 ? 5 : 1));
    const counts = await countWords(asStream(texts), 4);
    expect(counts.size).toBeLessThanOrEqual(4);
    expect([counts.get(" a"), counts.get(" b")]).toEqual([5, 5]);
  });
});

function mergedByHand(word: string): number[] {
  let ids = [...new TextEncoder().encode(word)];
  for (const [i, [left, right]] of merges.entries()) ids = joined(ids, left, right, 256 + i);
  return ids;
}

function joined(ids: readonly number[], left: number, right: number, id: number): number[] {
  const result: number[] = [];
  for (let i = 0; i < ids.length; i++) {
    const isPair = ids[i] === left && ids[i + 1] === right;
    result.push(isPair ? id : (ids[i] ?? 0));
    if (isPair) i++;
  }
  return result;
}

/** Training as it is defined, without any bookkeeping. */
function mergesByCountingAnew(counts: ReadonlyMap<string, number>, vocabSize: number) {
  let words = [...counts].map(([word, count]) => ({
    ids: [...new TextEncoder().encode(word)],
    count,
  }));
  const spelling = new Map(Array.from({ length: 256 }, (_, id) => [id, String.fromCharCode(id)]));
  const found: [number, number][] = [];
  while (256 + found.length < vocabSize) {
    const pairs = new Map<string, number>();
    for (const { ids, count } of words) {
      for (let i = 1; i < ids.length; i++) {
        const key = `${ids[i - 1]},${ids[i]}`;
        pairs.set(key, (pairs.get(key) ?? 0) + count);
      }
    }
    const best = [...pairs]
      .map(([key, count]) => ({ pair: key.split(",").map(Number) as [number, number], count }))
      .filter(({ count }) => count >= 2)
      .sort((a, b) => b.count - a.count || a.pair[0] - b.pair[0] || a.pair[1] - b.pair[1])[0];
    if (best === undefined) break;
    const [left, right] = best.pair;
    const text = `${spelling.get(left)}${spelling.get(right)}`;
    const known = [...spelling].find(([, other]) => other === text)?.[0];
    const id = known ?? 256 + found.length;
    if (known === undefined) found.push([left, right]);
    spelling.set(id, text);
    words = words.map(({ ids, count }) => ({ ids: joined(ids, left, right, id), count }));
  }
  return found;
}

async function* asStream<T>(elements: Iterable<T>): AsyncGenerator<T> {
  for (const element of elements) yield await Promise.resolve(element);
}
