import type { CurvePanel } from "../plots/figure.ts";
import { armSeries, BAR_NOTE, boundsOf, joined, runsOf } from "./figure-cells.ts";
import { conditionInWords } from "./in-words.ts";
import type { NamedFigure } from "./named-figure.ts";
import { conditionsOf } from "./plan-runs.ts";
import { type Estimate, estimate } from "./statistics.ts";
import type { StudyResults } from "./study-results.ts";

/** Final losses against learning rates, where several were tried. */
export function sensitivityFigures(results: StudyResults): readonly NamedFigure[] {
  const { study } = results;
  const rates = study.vary.find(({ key }) => key === "learningRate");
  if (rates === undefined || rates.values.length < 2) return [];
  const others = conditionsOf({ vary: study.vary.filter(({ key }) => key !== "learningRate") });
  const panels = study.corpora.flatMap(({ name: corpus, title }) =>
    others.map((other): CurvePanel => {
      const curves = study.arms.flatMap(({ name: arm }) => {
        const points = rates.values.flatMap((learningRate) => {
          const runs = runsOf(results, { corpus, arm, condition: { ...other, learningRate } });
          const losses = runs.flatMap(({ validationLoss }) => validationLoss ?? []);
          return losses.length === 0 ? [] : [{ x: learningRate, ...pointOf(estimate(losses)) }];
        });
        return points.length === 0 ? [] : [{ series: arm, points, hasDots: true }];
      });
      return {
        ...{ type: "curves", curves, title: joined(title, conditionInWords(other)) },
        x: {
          label: "learning rate",
          type: "log",
          ticks: rates.values,
          domain: wider(rates.values),
        },
        y: { label: "final validation loss (nats per token)" },
      };
    }),
  );
  return [
    {
      name: "learning-rate",
      figure: {
        title: "Learning-rate sensitivity",
        conclusion: "The flatter and lower, the less the rate has to be searched for.",
        ...{ series: armSeries(results), panels, note: BAR_NOTE, numColumns: 2 },
      },
    },
  ];
}

function pointOf(shown: Estimate) {
  return { y: shown.mean, ...boundsOf(shown) };
}

/** The ends of a logarithmic axis with room around its values. */
function wider(values: readonly number[]): readonly [number, number] {
  return [Math.min(...values) / 1.3, Math.max(...values) * 1.3];
}
