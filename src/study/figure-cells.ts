import type { Series } from "../plots/figure.ts";
import { isUnder } from "./compare-arms.ts";
import { conditionInWords } from "./in-words.ts";
import { type Condition, conditionsOf } from "./plan-runs.ts";
import type { Estimate } from "./statistics.ts";
import type { RunResult, StudyResults } from "./study-results.ts";

/** A corpus and a condition: what a panel shows. */
export interface FigureCell {
  readonly corpus: string;
  readonly condition: Condition;
  readonly title: string;
}

/** All that have runs, in the order of the study. */
export function cellsOf(results: StudyResults): readonly FigureCell[] {
  return results.study.corpora.flatMap(({ name: corpus, title }) =>
    conditionsOf(results.study)
      .filter((condition) =>
        results.runs.some((run) => run.corpus === corpus && isUnder(run, condition)),
      )
      .map((condition) => ({
        ...{ corpus, condition, title: joined(title, conditionInWords(condition)) },
      })),
  );
}

/** The runs of one arm in a cell. */
export function runsOf(
  { runs }: StudyResults,
  { corpus, condition, arm }: { corpus: string; condition: Condition; arm: string },
): readonly RunResult[] {
  return runs.filter((run) => run.corpus === corpus && run.arm === arm && isUnder(run, condition));
}

/** What dots and bars are, below a figure. */
export const BAR_NOTE = "Dots: mean over the seeds. Bars: 95 % interval by Student's t.";

/** The arms as curves are told apart by. */
export function armSeries({ study }: StudyResults): readonly Series[] {
  return study.arms.map(({ name, title }) => ({ name, title }));
}

/** The ends of an interval, if there is one. */
export function boundsOf({ interval }: Estimate) {
  return interval === undefined ? {} : { low: interval[0], high: interval[1] };
}

/** "title, condition". */
export function joined(title: string, condition: string): string {
  return condition === "" ? title : `${title}, ${condition}`;
}
