import { countCodePoints } from "./code-points.ts";
import type { CorpusPiece } from "./read-corpus.ts";

/** What is known of a corpus after reading it once. */
export interface CorpusSurvey {
  readonly numCharacters: number;
  /** Code points of each document, with what separates it from the next. */
  readonly documentCharacters: readonly number[];
  /** Every code point that occurs, in ascending order. */
  readonly alphabet: string;
}

const NUM_CODE_POINTS = 0x110000;

/** Reads a corpus through, in memory that does not grow with the text (one count per document). */
export async function surveyCorpus(pieces: AsyncIterable<CorpusPiece>): Promise<CorpusSurvey> {
  const documentCharacters: number[] = [];
  const occurs = new Uint8Array(NUM_CODE_POINTS);
  for await (const { text, document } of pieces) {
    documentCharacters[document] = (documentCharacters[document] ?? 0) + countCodePoints(text);
    markCharacters(text, occurs);
  }
  return {
    numCharacters: documentCharacters.reduce((sum, count) => sum + count, 0),
    documentCharacters,
    alphabet: alphabetOf(occurs),
  };
}

function markCharacters(text: string, occurs: Uint8Array): void {
  for (let i = 0; i < text.length; i++) {
    const codePoint = text.codePointAt(i) ?? 0;
    occurs[codePoint] = 1;
    if (codePoint > 0xffff) i++;
  }
}

function alphabetOf(occurs: Uint8Array): string {
  const characters: string[] = [];
  for (const [codePoint, mark] of occurs.entries()) {
    if (mark === 1) characters.push(String.fromCodePoint(codePoint));
  }
  return characters.join("");
}
