import { reportFigures } from "./report-figures.ts";
import { cellTable, claimTable, figureImages, whatWasRun } from "./report-markdown.ts";
import type { StudyResults } from "./study-results.ts";

/**
 * The generated parts of docs/RESULTS.md that one study fills, by name: `STUDY-setting`, `STUDY-claims`,
 * `STUDY-figures`, `STUDY-arms`.
 *
 * @param figureFolder where the figures lie, as seen from the page.
 */
export function publishedBlocks(
  results: StudyResults,
  figureFolder: string,
): Readonly<Record<string, string>> {
  const { name } = results.study;
  return {
    [`${name}-setting`]: whatWasRun(results),
    [`${name}-claims`]: claimTable(results),
    [`${name}-figures`]: figureImages(reportFigures(results), figureFolder),
    [`${name}-arms`]: cellTable(results),
  };
}
