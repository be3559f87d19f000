import type { Curve, CurvePanel, Point } from "../plots/figure.ts";
import { armSeries, cellsOf, runsOf } from "./figure-cells.ts";
import { judgementInWords } from "./in-words.ts";
import type { Judgement } from "./judge-claims.ts";
import type { NamedFigure } from "./named-figure.ts";
import { smoothCurve } from "./smooth-curve.ts";
import type { RunResult, StudyResults } from "./study-results.ts";
import { rangeOf } from "./value-range.ts";

const BAND_NOTE =
  "Lines: mean over the seeds of the training loss averaged over the last 20 steps. Bands: from the lowest seed to the highest.";

/** Training losses of all arms, a panel for each corpus and condition. */
export function lossFigure(results: StudyResults, judgements: readonly Judgement[]): NamedFigure {
  const panels = cellsOf(results).map(({ corpus, condition, title }): CurvePanel => {
    const curves = results.study.arms.flatMap(({ name }) => {
      const runs = runsOf(results, { corpus, condition, arm: name });
      return runs.length === 0 ? [] : [{ series: name, points: lossPoints(runs) }];
    });
    const domain = lossDomain(curves);
    const chance = results.corpora.find(({ name }) => name === corpus)?.unigramLoss ?? Infinity;
    return {
      ...{ type: "curves", title, curves },
      x: { label: "step" },
      y: { label: "training loss (nats per token)", domain },
      ...(chance < domain[1] && { rules: [{ y: chance, title: "token frequencies" }] }),
    };
  });
  const [headline] = judgements;
  return {
    name: "loss",
    figure: {
      title: "Loss against steps",
      conclusion:
        headline === undefined
          ? "Lower is better, and further left is sooner."
          : `${headline.claim.statement} ${judgements
              .filter(({ claim }) => claim === headline.claim)
              .map((judgement) => judgementInWords(results, judgement))
              .join(" ")}`,
      ...{ series: armSeries(results), panels, note: BAND_NOTE, numColumns: 2 },
    },
  };
}

/** Loss falls fastest where nobody looks: the axis ends where a tenth of the steps are done. */
function lossDomain(curves: readonly Curve[]): readonly [number, number] {
  const shown = curves.flatMap(({ points }) => points.slice(Math.floor(points.length / 10)));
  const values = shown.flatMap(({ y, low = y, high = y }) => [low, high]);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const room = 0.04 * Math.max(most - least, 0.01);
  return [least - room, most + room];
}

function lossPoints(runs: readonly RunResult[]): readonly Point[] {
  const curves = runs.map((run) => smoothCurve(run.losses));
  const length = Math.min(...curves.map((curve) => curve.length));
  return (curves[0] ?? []).slice(0, length).map(({ step }, i) => ({
    x: step,
    ...rangeOf(curves.map((curve) => curve[i]?.loss ?? Number.NaN)),
  }));
}
