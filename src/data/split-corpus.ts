import { countCodePoints, indexAfter } from "./code-points.ts";
import { isValidationBlock, type SplitPlan } from "./plan-split.ts";
import type { CorpusPiece } from "./read-corpus.ts";

/** A piece of text with the part that it belongs to. */
export interface PartPiece {
  readonly part: "train" | "validation";
  readonly text: string;
  /** No more text of this document comes after, but another document's does. */
  readonly endsDocument: boolean;
}

/** Gives each piece of a corpus to its part, cutting pieces where the plan does. */
export async function* splitCorpus(
  pieces: AsyncIterable<CorpusPiece>,
  plan: SplitPlan,
): AsyncGenerator<PartPiece> {
  const cutter = cutterOf(plan);
  for await (const { text, document, endsDocument } of pieces) {
    let rest = text;
    while (rest.length > 0) {
      const { length, part } = cutter.next(rest, document);
      if (length > 0) yield { part, text: rest.slice(0, length), endsDocument: false };
      rest = rest.slice(length);
    }
    if (endsDocument) {
      yield { part: cutter.partOfEnd(document), text: "", endsDocument };
    }
  }
}

interface Cutter {
  /** How much of the beginning of `rest` goes to which part; `length` may be 0 at a border. */
  next(rest: string, document: number): { length: number; part: PartPiece["part"] };
  /** The part that holds the end of a document whose text has been cut. */
  partOfEnd(document: number): PartPiece["part"];
}

function cutterOf(plan: SplitPlan): Cutter {
  switch (plan.unit) {
    case "tail":
      return tailCutter(plan.trainCharacters);
    case "documents":
      return documentCutter(plan.isValidation);
    case "blocks":
      return blockCutter(plan.blockCharacters, plan.fraction);
  }
}

function tailCutter(trainCharacters: number): Cutter {
  let left = trainCharacters;
  return {
    next(rest) {
      if (left === 0) return { length: rest.length, part: "validation" };
      const count = codePointsUpTo(left, rest);
      left -= count;
      return { length: indexAfter(rest, count), part: "train" };
    },
    partOfEnd: () => (left === 0 ? "validation" : "train"),
  };
}

function documentCutter(isValidation: readonly boolean[]): Cutter {
  const partOf = (document: number) => (isValidation[document] ? "validation" : "train");
  return {
    next: (rest, document) => ({ length: rest.length, part: partOf(document) }),
    partOfEnd: partOf,
  };
}

/** A block goes on past its nominal end to the next blank, but no further than this. */
const OVERRUN_CHARACTERS = 64;

function blockCutter(blockCharacters: number, fraction: number): Cutter {
  let block = 0;
  let left = blockCharacters;
  let overrun = OVERRUN_CHARACTERS;
  const part = () => (isValidationBlock(block, fraction) ? "validation" : "train");
  function next(rest: string): { length: number; part: PartPiece["part"] } {
    const current = part();
    const count = codePointsUpTo(left, rest);
    let length = indexAfter(rest, count);
    left -= count;
    while (left === 0 && length < rest.length) {
      if (overrun === 0 || /\s/.test(rest[length] ?? "")) {
        block += 1;
        left = Math.max(1, blockCharacters - (OVERRUN_CHARACTERS - overrun));
        overrun = OVERRUN_CHARACTERS;
        break;
      }
      length += indexAfter(rest.slice(length, length + 2), 1);
      overrun -= 1;
    }
    return { length, part: current };
  }
  return { next, partOfEnd: part };
}

/** The smaller of `limit` and the code points in `text`, without counting much further. */
function codePointsUpTo(limit: number, text: string): number {
  return Math.min(limit, countCodePoints(text.slice(0, 2 * limit)));
}
