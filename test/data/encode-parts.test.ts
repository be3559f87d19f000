import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeParts } from "../../src/data/encode-parts.ts";
import type { PartPiece } from "../../src/data/split-corpus.ts";
import { bpeTokenizer } from "../../src/data/tokenizers/bpe-tokenizer.ts";
import { gpt2Tokenizer } from "../../src/data/tokenizers/gpt2-tokenizer.ts";
import type { Tokenizer } from "../../src/data/tokenizers/tokenizer.ts";
import { trainBpe } from "../../src/data/tokenizers/train-bpe.ts";

const words = new Map([
  [" the", 9],
  [" then", 8],
  [" other", 7],
  ["\n\n\n", 6],
  ["   ", 5],
  ["...", 4],
]);
const bpe = bpeTokenizer(trainBpe(words, 300));
const gpt2 = await gpt2Tokenizer();
/** Blanks of all kinds, and what words are cut at. */
const fragments = fc.constantFrom(
  ..." |  |\n|\n\n|\t|\u0085|\u00a0|\u2003|\ufeff|the|other|'s|'LL|1234|...|é|😀|語".split("|"),
);
const texts = fc.array(fragments, { maxLength: 30 }).map((list) => list.join(""));

describe("encodeParts", () => {
  test.each([
    ["bpe", bpe],
    ["gpt2", gpt2],
  ])("gives a text that comes in pieces the tokens of the whole: %s", async (_, tokenizer) => {
    await fc.assert(
      fc.asyncProperty(texts, fc.integer({ min: 1, max: 7 }), async (text, size) => {
        const tokens = await encoded(tokenizer, piecesOf(text, size).map(inPart("train")));
        expect(tokens.train).toEqual([...tokenizer.encode(text)]);
      }),
      { numRuns: 400 },
    );
  });

  test("keeps the parts apart, and encodes what was held back when the part changes", async () => {
    const pieces = [
      ...["the ot", "her"].map(inPart("train")),
      ...[" th", "en"].map(inPart("validation")),
    ];
    const tokens = await encoded(bpe, pieces);
    expect(bpe.decode(tokens.train)).toBe("the other");
    expect(tokens.validation).toEqual([...bpe.encode(" then")]);
  });

  test("puts the token for it between documents", async () => {
    const pieces = [{ ...inPart("train")("one"), endsDocument: true }, inPart("train")("two")];
    const tokens = await encoded(gpt2, pieces);
    expect(tokens.train).toEqual([...gpt2.encode("one"), 50256, ...gpt2.encode("two")]);
  });

  test("does not hold back a text without blanks for ever", async () => {
    const piece = inPart("train")("x".repeat(2 ** 19));
    const sizes: number[] = [];
    for await (const { numCharacters } of encodeParts(asStream(Array(6).fill(piece)), bpe)) {
      sizes.push(numCharacters);
    }
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(6 * 2 ** 19);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(2 ** 20 + 2 ** 19);
  });
});

const inPart =
  (part: PartPiece["part"]) =>
  (text: string): PartPiece => ({
    part,
    text,
    endsDocument: false,
  });

function piecesOf(text: string, size: number): string[] {
  const characters = [...text];
  return characters.flatMap((_, i) =>
    i % size === 0 ? [characters.slice(i, i + size).join("")] : [],
  );
}

async function encoded(
  tokenizer: Tokenizer,
  pieces: readonly PartPiece[],
): Promise<{ train: number[]; validation: number[] }> {
  const tokens = { train: [] as number[], validation: [] as number[] };
  for await (const piece of encodeParts(asStream(pieces), tokenizer)) {
    tokens[piece.part].push(...piece.tokens);
  }
  return tokens;
}

async function* asStream<T>(elements: Iterable<T>): AsyncGenerator<T> {
  for (const element of elements) yield await Promise.resolve(element);
}
