import { armSeries, BAR_NOTE, boundsOf, cellsOf } from "./figure-cells.ts";
import { armTitle, countOf } from "./in-words.ts";
import type { NamedFigure } from "./named-figure.ts";
import type { StudyResults } from "./study-results.ts";
import { summarizeCells } from "./summarize-cells.ts";

/** How soon each arm comes to what the first one ends at. */
export function stepsFigures(results: StudyResults): readonly NamedFigure[] {
  const cells = summarizeCells(results);
  const panels = cellsOf(results).flatMap(({ corpus, condition, title }) => {
    const own = cells.filter(
      (cell) =>
        cell.corpus === corpus && JSON.stringify(cell.condition) === JSON.stringify(condition),
    );
    const loss = own[0]?.steps.at(-1)?.loss;
    const rows = own.map(({ arm, runs, steps }) => {
      const last = steps.at(-1);
      const hasAll = last !== undefined && last.numReached === runs.length;
      const numSteps = runs[0]?.steps ?? 0;
      const shown = hasAll ? last.steps : undefined;
      return {
        ...{ label: armTitle(results, arm), series: arm, mean: shown?.mean ?? numSteps },
        ...(shown && boundsOf(shown)),
        text:
          shown === undefined
            ? `${last?.numReached ?? 0} of ${runs.length} get there`
            : `${Math.round(shown.mean)} steps, ${countOf(runs.length, "seed")}`,
      };
    });
    const numSteps = Math.max(...own.flatMap(({ runs }) => runs.map(({ steps }) => steps)));
    const x = {
      label: `steps to a training loss of ${loss?.toFixed(2)} nats per token`,
      domain: [0, numSteps] as const,
    };
    return rows.length === 0 || loss === undefined
      ? []
      : [{ type: "intervals" as const, title, x, rows }];
  });
  if (panels.length === 0) return [];
  const [first] = results.study.arms;
  return [
    {
      name: "steps",
      figure: {
        title: "Steps to reach a given loss",
        conclusion: `How soon each arm comes to the loss that “${first?.title}” ends at. Further left is faster.`,
        ...{ series: armSeries(results), panels, numColumns: 1 },
        note: `${BAR_NOTE} The loss is that of the first arm's slowest seed; a dot at the last step without a bar: not all seeds get there.`,
      },
    },
  ];
}
