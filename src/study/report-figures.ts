import type { Curve, CurvePanel, Figure, Point, Series } from "../plots/figure.ts";
import { isUnder } from "./compare-arms.ts";
import { armTitle, conditionInWords, corpusTitle, countOf, judgementInWords } from "./in-words.ts";
import { type Judgement, judgeClaims } from "./judge-claims.ts";
import { type Condition, conditionsOf } from "./plan-runs.ts";
import { smoothCurve } from "./smooth-curve.ts";
import { type Estimate, estimate, exponential } from "./statistics.ts";
import type { ProbeSample, RunResult, StudyResults } from "./study-results.ts";
import { summarizeCells } from "./summarize-cells.ts";

/** A figure of a report, and the name of its file. */
export interface NamedFigure {
  readonly name: string;
  readonly figure: Figure;
}

const BAND_NOTE =
  "Lines: mean over the seeds of the training loss averaged over the last 20 steps. Bands: from the lowest seed to the highest.";
const BAR_NOTE = "Dots: mean over the seeds. Bars: 95 % interval by Student's t.";
/** Steps of the figures that look at the start. */
const START_STEPS = 100;

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

/** One per measure, since effects of different units share no axis. */
function claimFigures(
  results: StudyResults,
  judgements: readonly Judgement[],
): readonly NamedFigure[] {
  const measures = [...new Set(judgements.map(({ claim }) => claim.measure))];
  return measures.flatMap((measure) => {
    const own = judgements.filter(({ claim }) => claim.measure === measure);
    const rows = own.flatMap((judgement) => {
      const { claim, corpora, verdict, effect } = judgement;
      if (effect === undefined) return [];
      const shown = measure === "speed" ? exponential(effect) : effect;
      const where = corpora.map((name) => corpusTitle(results, name)).join(" against ");
      return [
        {
          label: `${claim.name}, ${where}`,
          ...{ series: verdict, text: `${verdict}: ${shortly(shown)}`, mean: shown.mean },
          ...boundsOf(shown),
        },
      ];
    });
    const [first] = own;
    if (rows.length === 0 || first === undefined) return [];
    const numSupported = own.filter(({ verdict }) => verdict === "supported").length;
    return [
      {
        name: `claims-${measure}`,
        figure: {
          title: "What the runs say of each claim",
          conclusion:
            `${numSupported} of ${own.length} supported: the whole interval lies right of the line. ` +
            "Where the line runs through it, the runs do not decide.",
          series: ["supported", "not supported", "undecided"].map(asSeries),
          panels: [
            {
              ...{ type: "intervals", title: capitalized(MEASURE_TITLES[measure]), rows },
              x: { label: MEASURE_TITLES[measure] },
              ...(measure === "trains" ? {} : { zero: measure === "speed" ? 1 : 0 }),
            },
          ],
          note: "Bars: 95 % intervals, by Student's t over seeds (shares: Wilson's score).",
          numColumns: 1,
        },
      },
    ];
  });
}

const MEASURE_TITLES = {
  speed: "times fewer steps to the same training losses",
  loss: "nats per token lower final validation loss",
  trains: "share of runs that learn where the other arm fails at least once",
} as const;

function lossFigure(results: StudyResults, judgements: readonly Judgement[]): NamedFigure {
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

function stepsFigures(results: StudyResults): readonly NamedFigure[] {
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

function sensitivityFigures(results: StudyResults): readonly NamedFigure[] {
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

/** Of the last corpus and condition: what happens at the start is much the same in all. */
function gradientFigures(results: StudyResults): readonly NamedFigure[] {
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

function embeddingFigures(results: StudyResults): readonly NamedFigure[] {
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

interface CellName {
  readonly corpus: string;
  readonly condition: Condition;
  readonly title: string;
}

function cellsOf(results: StudyResults): readonly CellName[] {
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

function runsOf(
  { runs }: StudyResults,
  { corpus, condition, arm }: { corpus: string; condition: Condition; arm: string },
): readonly RunResult[] {
  return runs.filter((run) => run.corpus === corpus && run.arm === arm && isUnder(run, condition));
}

function lossPoints(runs: readonly RunResult[]): readonly Point[] {
  const curves = runs.map((run) => smoothCurve(run.losses));
  const length = Math.min(...curves.map((curve) => curve.length));
  return (curves[0] ?? []).slice(0, length).map(({ step }, i) => ({
    x: step,
    ...rangeOf(curves.map((curve) => curve[i]?.loss ?? Number.NaN)),
  }));
}

function probeCurves(
  results: StudyResults,
  { corpus, condition }: CellName,
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

function rangeOf(values: readonly number[]) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { y: mean, low: Math.min(...values), high: Math.max(...values) };
}

function pointOf(shown: Estimate) {
  return { y: shown.mean, ...boundsOf(shown) };
}

function boundsOf({ interval }: Estimate) {
  return interval === undefined ? {} : { low: interval[0], high: interval[1] };
}

function armSeries({ study }: StudyResults): readonly Series[] {
  return study.arms.map(({ name, title }) => ({ name, title }));
}

function asSeries(name: string): Series {
  return { name, title: name };
}

function joined(title: string, condition: string): string {
  return condition === "" ? title : `${title}, ${condition}`;
}

/** The ends of a logarithmic axis with room around its values. */
function wider(values: readonly number[]): readonly [number, number] {
  return [Math.min(...values) / 1.3, Math.max(...values) * 1.3];
}

function shortly({ mean, interval }: Estimate): string {
  const bounds = interval?.map((bound) => bound.toFixed(2)).join(" to ") ?? "one seed";
  return `${mean.toFixed(2)} (${bounds})`;
}

function capitalized(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}
