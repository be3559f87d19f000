import type { CorpusSurvey } from "./survey-corpus.ts";

/** Which of a corpus's characters are for validation. */
export type SplitPlan =
  /** All after the first `trainCharacters`. */
  | { readonly unit: "tail"; readonly trainCharacters: number }
  /** Whole documents, spread over the corpus. */
  | { readonly unit: "documents"; readonly isValidation: readonly boolean[] }
  /** Every so many blocks of about `blockCharacters`. */
  | { readonly unit: "blocks"; readonly blockCharacters: number; readonly fraction: number };

/** Validation blocks that a corpus is to have: enough to be a fair sample of it. */
const VALIDATION_BLOCKS = 20;
const BLOCK_CHARACTERS_MIN = 256;
const BLOCK_CHARACTERS_MAX = 65_536;

/**
 * Decides how a corpus is split; a pure function of its survey.
 *
 * `tail`: the last part, as nanoGPT does. `interleaved`: spread evenly over the corpus, which may
 * change its subject or its style from beginning to end: whole documents where there are enough and
 * none is too large, else blocks.
 *
 * @param fraction of the characters, for validation; above 0 and below 1.
 */
export function planSplit(
  survey: CorpusSurvey,
  kind: "interleaved" | "tail",
  fraction: number,
): SplitPlan {
  const { numCharacters, documentCharacters } = survey;
  if (kind === "tail") {
    return { unit: "tail", trainCharacters: Math.floor(numCharacters * (1 - fraction)) };
  }
  const wanted = numCharacters * fraction;
  const largest = documentCharacters.reduce((max, count) => Math.max(max, count), 0);
  if (documentCharacters.length >= 2 / fraction && largest <= wanted) {
    return { unit: "documents", isValidation: spreadDocuments(documentCharacters, fraction) };
  }
  const even = Math.floor(wanted / VALIDATION_BLOCKS);
  const bounded = Math.min(BLOCK_CHARACTERS_MAX, Math.max(BLOCK_CHARACTERS_MIN, even));
  const blockCharacters = Math.max(1, Math.min(bounded, Math.floor(wanted)));
  return { unit: "blocks", blockCharacters, fraction };
}

/** Whether a block is for validation: with a fraction of 0.1, blocks 4, 14, 24 and so on. */
export function isValidationBlock(blockIndex: number, fraction: number): boolean {
  return Math.floor((blockIndex + 1) * fraction + 0.5) > Math.floor(blockIndex * fraction + 0.5);
}

/** Takes a document whenever that brings validation's part nearer to what is due. */
function spreadDocuments(documentCharacters: readonly number[], fraction: number): boolean[] {
  let seen = 0;
  let taken = 0;
  return documentCharacters.map((count) => {
    seen += count;
    const isTaken = count > 0 && taken + count / 2 <= seen * fraction;
    if (isTaken) taken += count;
    return isTaken;
  });
}
