import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SplitPlan } from "../../src/data/plan-split.ts";
import type { CorpusPiece } from "../../src/data/read-corpus.ts";
import { type PartPiece, splitCorpus } from "../../src/data/split-corpus.ts";

const plans: fc.Arbitrary<SplitPlan> = fc.oneof(
  fc.record({ unit: fc.constant("tail" as const), trainCharacters: fc.nat(60) }),
  fc.record({
    unit: fc.constant("documents" as const),
    isValidation: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
  }),
  fc.record({
    unit: fc.constant("blocks" as const),
    blockCharacters: fc.integer({ min: 1, max: 20 }),
    fraction: fc.double({ min: 0.05, max: 0.95, noNaN: true }),
  }),
);
const texts = fc.array(fc.string({ unit: "binary", maxLength: 30 }), { maxLength: 4 });

describe("splitCorpus", () => {
  test("gives every character to one part, in order, whatever the plan", async () => {
    await fc.assert(
      fc.asyncProperty(plans, texts, async (plan, documents) => {
        const pieces = await collected(
          plan,
          documents.map((text) => [text]),
        );
        expect(pieces.map(({ text }) => text).join("")).toBe(documents.join(""));
        expect(pieces.every(({ text }) => !/^[\udc00-\udfff]/.test(text))).toBe(true);
      }),
    );
  });

  test("splits the same way however the text comes in pieces", async () => {
    await fc.assert(
      fc.asyncProperty(
        plans,
        texts,
        fc.integer({ min: 1, max: 5 }),
        async (plan, documents, size) => {
          const whole = await collected(
            plan,
            documents.map((text) => [text]),
          );
          const cut = await collected(
            plan,
            documents.map((text) => piecesOf(text, size)),
          );
          expect(stretches(cut)).toEqual(stretches(whole));
        },
      ),
    );
  });

  test("gives the tail exactly the characters after the border, pairs of surrogates counted once", async () => {
    const plan: SplitPlan = { unit: "tail", trainCharacters: 4 };
    const pieces = await collected(plan, [["😀a"], ["b😀", "😀c"]]);
    expect(stretches(pieces)).toEqual(["train:😀a|b😀", "validation:😀c"]);
  });

  test("ends a block at the next blank, so that no word is torn", async () => {
    const plan: SplitPlan = { unit: "blocks", blockCharacters: 4, fraction: 0.5 };
    const pieces = await collected(plan, [["one two three four five"]]);
    expect(stretches(pieces)).toEqual([
      "validation:one two",
      "train: three",
      "validation: four",
      "train: five",
    ]);
  });

  test("ends a block inside a word that does not end", async () => {
    const plan: SplitPlan = { unit: "blocks", blockCharacters: 10, fraction: 0.5 };
    const [first] = await collected(plan, [["x".repeat(1000)]]);
    expect(first?.text.length).toBe(10 + 64);
  });
});

/** What each part gets, stretch by stretch; "|" where a document ends. */
function stretches(pieces: readonly PartPiece[]): string[] {
  const found: string[] = [];
  let last: string | undefined;
  for (const { part, text, endsDocument } of pieces) {
    if (text === "" && !endsDocument) continue;
    if (part !== last) found.push(`${part}:`);
    found.push(`${found.pop()}${text}${endsDocument ? "|" : ""}`);
    last = part;
  }
  return found;
}

/** Pieces of whole code points. */
function piecesOf(text: string, size: number): string[] {
  const characters = [...text];
  const numPieces = Math.ceil(characters.length / size);
  return Array.from({ length: numPieces }, (_, i) =>
    characters.slice(i * size, (i + 1) * size).join(""),
  );
}

async function collected(
  plan: SplitPlan,
  documents: readonly (readonly string[])[],
): Promise<PartPiece[]> {
  async function* pieces(): AsyncGenerator<CorpusPiece> {
    for (const [document, texts] of documents.entries()) {
      for (const text of texts) yield { text, document, endsDocument: false, doneBytes: 0 };
      const endsDocument = document + 1 < documents.length;
      yield { text: "", document, endsDocument, doneBytes: 0 };
    }
  }
  const found: PartPiece[] = [];
  for await (const piece of splitCorpus(pieces(), plan)) found.push(piece);
  return found;
}
