import { claimFigures } from "./claim-figures.ts";
import { judgeClaims } from "./judge-claims.ts";
import { lossFigure } from "./loss-figure.ts";
import type { NamedFigure } from "./named-figure.ts";
import { sensitivityFigures } from "./sensitivity-figures.ts";
import { embeddingFigures, gradientFigures } from "./start-figures.ts";
import { stepsFigures } from "./steps-figures.ts";
import type { StudyResults } from "./study-results.ts";

/** All figures that the runs of a study allow, in the order of the report. */
export function reportFigures(results: StudyResults): readonly NamedFigure[] {
  if (results.runs.length === 0) return [];
  const judgements = judgeClaims(results);
  return [
    ...claimFigures(results, judgements),
    lossFigure(results, judgements),
    ...stepsFigures(results),
    ...sensitivityFigures(results),
    ...gradientFigures(results),
    ...embeddingFigures(results),
  ];
}
