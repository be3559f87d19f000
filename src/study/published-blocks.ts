import { judgementInWords } from "./in-words.ts";
import { judgeClaims } from "./judge-claims.ts";
import { reportFigures } from "./report-figures.ts";
import { cellTable, claimTable, figureImages, whatWasRun } from "./report-markdown.ts";
import type { StudyResults } from "./study-results.ts";

/**
 * The generated parts of README.md and docs/RESULTS.md that one study fills, by name: `STUDY-headline`,
 * `STUDY-setting`, `STUDY-claims`, `STUDY-figures`, `STUDY-arms`.
 *
 * @param figureFolder where the figures lie, as seen from the page.
 */
export function publishedBlocks(
  results: StudyResults,
  figureFolder: string,
): Readonly<Record<string, string>> {
  const { name } = results.study;
  return {
    [`${name}-headline`]: headline(results),
    [`${name}-setting`]: whatWasRun(results),
    [`${name}-claims`]: claimTable(results),
    [`${name}-figures`]: figureImages(reportFigures(results), figureFolder),
    [`${name}-arms`]: cellTable(results),
  };
}

/** What the runs say of the study's first claim. */
function headline(results: StudyResults): string {
  const [claim] = results.study.claims;
  if (claim === undefined) return "The study makes no claims.";
  const judgements = judgeClaims(results).filter((judgement) => judgement.claim === claim);
  const lines = judgements.map((judgement) => `- ${judgementInWords(results, judgement)}`);
  return [`*${claim.statement}*`, "", ...lines].join("\n");
}
