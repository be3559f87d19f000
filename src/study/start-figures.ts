import type { Curve, CurvePanel } from "../plots/figure.ts";
import { armSeries, cellsOf, type FigureCell, runsOf } from "./figure-cells.ts";
import type { NamedFigure } from "./named-figure.ts";
import type { ProbeSample, StudyResults } from "./study-results.ts";
import { rangeOf } from "./value-range.ts";

/** Steps that count as the start. */
const START_STEPS = 100;

/** Of the last corpus and condition: what happens at the start is much the same in all. */
export function gradientFigures(results: StudyResults): readonly NamedFigure[] {
  const cell = cellsOf(results).at(-1);
  const groups = [
    ...new Set(results.runs.flatMap(({ probes }) => Object.keys(probes[0]?.gradientNorms ?? {}))),
  ];
  if (cell === undefined || groups.length === 0) return [];
  const panels = groups.map((group): CurvePanel => {
    const value = ({ gradientNorms }: ProbeSample) => gradientNorms[group];
    return {
      ...{ type: "curves", title: group, curves: probeCurves(results, cell, value) },
      x: { label: "step" },
      y: { label: "gradient norm", type: "log" },
    };
  });
  return [
    {
      name: "gradient-norms",
      figure: {
        title: `Gradient norms in the first ${START_STEPS} steps, by group of parameters (${cell.title})`,
        conclusion:
          "A tiny embedding sits before a LayerNorm that magnifies its gradient by hundreds: in its first steps " +
          "that gradient rules the global norm, and the clip shortens every step. This is no instability.",
        ...{ series: armSeries(results), panels, numColumns: 3 },
        note: "L2 norms of the mean gradient before the clip. Lines: mean over the seeds. Bands: lowest to highest.",
      },
    },
  ];
}

/** How the embedding turns away from its start, and grows behind its LayerNorm. */
export function embeddingFigures(results: StudyResults): readonly NamedFigure[] {
  if (results.runs.every(({ probes }) => probes.length === 0)) return [];
  const cells = cellsOf(results);
  const last = JSON.stringify(cells.at(-1)?.condition);
  const panels = cells
    .filter(({ condition }) => JSON.stringify(condition) === last)
    .flatMap((cell): readonly CurvePanel[] => [
      {
        ...{ type: "curves", title: cell.title },
        curves: probeCurves(results, cell, ({ embeddingCosine }) => embeddingCosine),
        x: { label: "step" },
        y: { label: "cosine of embeddings to their start", domain: [-0.05, 1.05] },
      },
      {
        ...{ type: "curves", title: cell.title },
        curves: probeCurves(results, cell, ({ embeddingRms }) => embeddingRms),
        x: { label: "step" },
        y: { label: "RMS after the first LayerNorm", domain: [0, 1.05] },
      },
    ]);
  return [
    {
      name: "embedding",
      figure: {
        title: "Why: the embedding leaves its random start",
        conclusion:
          "An embedding of ±1e-4 has turned away from its random directions after a few steps of Adam, while it is still " +
          "small behind the LayerNorm; one of N(0, 0.02) keeps much of its noise for long.",
        ...{ series: armSeries(results), panels, numColumns: 2 },
        note: "RMS without the LayerNorm's gain. Means over the vocabulary, tokens that never come included. Lines: mean over the seeds. Bands: lowest to highest.",
      },
    },
  ];
}

function probeCurves(
  results: StudyResults,
  { corpus, condition }: FigureCell,
  value: (sample: ProbeSample) => number | undefined,
): readonly Curve[] {
  return results.study.arms.flatMap(({ name: arm }) => {
    const runs = runsOf(results, { corpus, condition, arm });
    const steps = (runs[0]?.probes ?? []).map(({ step }) => step);
    const points = steps.flatMap((step) => {
      const samples = runs.flatMap(({ probes }) => probes.find((one) => one.step === step) ?? []);
      const values = samples.flatMap((sample) => value(sample) ?? []);
      return step > START_STEPS || values.length === 0 ? [] : [{ x: step, ...rangeOf(values) }];
    });
    return points.length === 0 ? [] : [{ series: arm, points }];
  });
}
