import { basename, join, resolve } from "node:path";
import { TrainerError } from "../base/errors.ts";
import { readLines } from "../coordinator/line-file.ts";
import { RUN_FILES } from "../coordinator/run-folder.ts";
import type { Curve, Figure, Point } from "../plots/figure.ts";
import { runningMean } from "../plots/running-mean.ts";

/** What can stand on the horizontal axis, with its label. */
export const HORIZONTAL = {
  steps: "steps",
  tokens: "training tokens",
  minutes: "minutes of training",
} as const;

/** What can stand on the vertical axis: its name, and its unit. */
export const METRICS = {
  loss: ["loss", "nats per token"],
  gradientNorm: ["gradient norm before the clip", "L2 norm"],
  learningRate: ["learning rate", "learning rate"],
  tokensPerSecond: ["speed", "tokens per second"],
  stepMs: ["time of a step", "milliseconds"],
  workers: ["workers", "workers"],
} as const;

/** Which curves of which runs. */
export interface RunCurvesOptions {
  readonly runs: readonly string[];
  readonly x: keyof typeof HORIZONTAL;
  readonly metric: keyof typeof METRICS;
  /** Steps of the running mean; undefined: a fiftieth of the longest run. */
  readonly smooth: number | undefined;
}

/**
 * The curves of runs side by side, as a figure of one panel: with `loss` also the validation losses, as dots.
 *
 * @throws {TrainerError} ERR_RUN_MISSING when a folder holds no run, or one that has no step yet.
 */
export function runCurves({ runs, x, metric, smooth }: RunCurvesOptions): Figure {
  const read = runs.map((folder) => readRun(folder, x, metric));
  const numStepsMax = Math.max(...read.map(({ points }) => points.length));
  const window = smooth ?? Math.max(1, Math.round(numStepsMax / 50));
  const names = distinctNames(runs);
  const curves = read.flatMap(({ points, validation }, i): readonly Curve[] => {
    const series = names[i] ?? "";
    const training = { series, points: runningMean(points, window) };
    return validation.length === 0
      ? [training]
      : [training, { series, points: validation, hasDots: true }];
  });
  const hasDots = curves.some((curve) => curve.hasDots);
  const [title, unit] = METRICS[metric];
  return {
    title: runs.length === 1 ? `Run ${names[0]}` : `${runs.length} runs`,
    conclusion: read.map(({ end }, i) => `${names[i]}: ${end}`).join("; "),
    series: names.map((name) => ({ name, title: name })),
    panels: [
      {
        ...{ type: "curves", title, curves },
        x: { label: HORIZONTAL[x] },
        y: { label: unit },
      },
    ],
    note: noteOf(window, hasDots),
    numColumns: 1,
  };
}

function noteOf(window: number, hasDots: boolean): string {
  const line = window === 1 ? "every step" : `the running mean of ${window} steps`;
  return `Lines show ${line}${hasDots ? " of training, dots the validation part" : ""}.`;
}

interface ReadRun {
  readonly points: readonly Point[];
  readonly validation: readonly Point[];
  /** Where it ends, in words. */
  readonly end: string;
}

function readRun(
  folder: string,
  horizontal: RunCurvesOptions["x"],
  metric: RunCurvesOptions["metric"],
): ReadRun {
  const points: Point[] = [];
  const validation: Point[] = [];
  let [tokens, ms] = [0, 0];
  const placeOf = (step: number) => ({ steps: step, tokens, minutes: ms / 60_000 })[horizontal];
  for (const row of readLines(join(folder, RUN_FILES.metrics))) {
    const step = Number(row.step);
    if (typeof row.validationLoss === "number") {
      if (metric === "loss") validation.push({ x: placeOf(step), y: row.validationLoss });
      continue;
    }
    tokens += Number(row.tokens ?? 0);
    ms += Number(row.stepMs ?? 0);
    const y = row[metric];
    if (typeof y === "number") points.push({ x: placeOf(step), y });
  }
  const last = validation.at(-1) ?? points.at(-1);
  if (last === undefined) {
    throw new TrainerError(
      "ERR_RUN_MISSING",
      `${folder} holds no run with a step in its ${RUN_FILES.metrics}. Give run folders, as made by ` +
        "`smallinit launch --run`.",
    );
  }
  const what = validation.length > 0 ? "validation loss" : METRICS[metric][0];
  return { points, validation, end: `${what} ${Number(last.y.toPrecision(4))} at the end` };
}

/** Names of the folders; whole paths where two are the same. */
function distinctNames(runs: readonly string[]): readonly string[] {
  const names = runs.map((run) => basename(resolve(run)));
  return new Set(names).size === names.length ? names : runs;
}
