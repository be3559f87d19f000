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
  const cut = cutterOf(plan);
  let part: PartPiece["part"] = "train";
  for await (const { text, document, endsDocument } of pieces) {
    let rest = text;
    while (rest.length > 0) {
      const cutting = cut(rest, document);
      part = cutting.part;
      yield { part, text: rest.slice(0, cutting.length), endsDocument: false };
      rest = rest.slice(cutting.length);
    }
    if (endsDocument) yield { part, text: "", endsDocument };
  }
}

/** Says how much of the beginning of `rest`, never nothing, goes to which part. Called in order. */
type Cutter = (rest: string, document: number) => Cutting;

interface Cutting {
  readonly length: number;
  readonly part: PartPiece["part"];
}

function cutterOf(plan: SplitPlan): Cutter {
  switch (plan.unit) {
    case "tail":
      return tailCutter(plan.trainCharacters);
    case "documents":
      return (rest, document) => ({
        length: rest.length,
        part: plan.isValidation[document] ? "validation" : "train",
      });
    case "blocks":
      return blockCutter(plan.blockCharacters, plan.fraction);
  }
}

function tailCutter(trainCharacters: number): Cutter {
  let left = trainCharacters;
  return (rest) => {
    if (left === 0) return { length: rest.length, part: "validation" };
    const count = codePointsUpTo(left, rest);
    left -= count;
    return { length: indexAfter(rest, count), part: "train" };
  };
}

/** A block goes on past its nominal end to the next blank, but no further than this. */
const OVERRUN_CHARACTERS = 64;

function blockCutter(blockCharacters: number, fraction: number): Cutter {
  let block = 0;
  let left = blockCharacters;
  let overrun = 0;
  // Whether the block ends before `next`. What it has overrun is taken off the next block.
  function endsBefore(next: string): boolean {
    return left === 0 && (overrun === OVERRUN_CHARACTERS || /\s/.test(next));
  }
  return (rest) => {
    if (endsBefore(rest[0] ?? "")) {
      block += 1;
      left = Math.max(1, blockCharacters - overrun);
      overrun = 0;
    }
    const count = codePointsUpTo(left, rest);
    left -= count;
    let length = indexAfter(rest, count);
    while (left === 0 && length < rest.length && !endsBefore(rest[length] ?? "")) {
      length = length + indexAfter(rest.slice(length, length + 2), 1);
      overrun += 1;
    }
    return { length, part: isValidationBlock(block, fraction) ? "validation" : "train" };
  };
}

/** The smaller of `limit` and the code points in `text`, without counting much further. */
function codePointsUpTo(limit: number, text: string): number {
  return Math.min(limit, countCodePoints(text.slice(0, 2 * limit)));
}
