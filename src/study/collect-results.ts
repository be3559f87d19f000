import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readLines } from "../coordinator/line-file.ts";
import { RUN_FILES } from "../coordinator/run-folder.ts";
import { type PlannedRun, planRuns } from "./plan-runs.ts";
import { isOver, runStanding } from "./run-standing.ts";
import type { Study } from "./study.ts";
import { dataFolderOf, runFolderOf, STUDY_FOLDERS, tracesOf } from "./study-folder.ts";
import { LOSS_BLOCK_STEPS, type ProbeSample, type RunResult } from "./study-results.ts";

/** The steps whose probes are kept: dense where the start of a training is looked at. */
const KEPT_PROBES = [
  1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 32, 40, 48, 64, 80, 100, 150, 200, 300, 400, 600, 1000, 2000,
  4000,
];
/** Losses and norms are kept to so many digits: far finer than their noise. */
const DIGITS = 4;

/** The results of the runs of a study that are over, in the order of the plan. */
export function collectRuns(study: Study, out: string): readonly RunResult[] {
  return planRuns(study).flatMap((run) => {
    const folder = runFolderOf(out, run);
    const standing = runStanding(tracesOf(folder));
    return isOver(standing) ? [resultOf(run, folder, standing === "diverged")] : [];
  });
}

/** Whether a corpus has been prepared. */
export function hasCorpus(out: string, corpusName: string): boolean {
  return existsSync(join(dataFolderOf(out, corpusName), "manifest.json"));
}

function resultOf(run: PlannedRun, folder: string, isDiverged: boolean): RunResult {
  const summary = JSON.parse(readFileSync(join(folder, RUN_FILES.summary), "utf8"));
  const rows = readLines(join(folder, RUN_FILES.metrics));
  const losses = rows.flatMap(({ loss }) => (typeof loss === "number" ? [loss] : []));
  const { name, corpus, arm, condition, seed } = run;
  return {
    ...{ name, corpus, arm, condition, seed, standing: isDiverged ? "diverged" : "completed" },
    steps: summary.steps,
    validationLoss: isDiverged ? null : summary.validationLoss,
    losses: blockMeans(losses).map(rounded),
    probes: probesOf(folder),
    parameterDigest: summary.parameterDigest,
    wallMs: summary.wallMs,
  };
}

/** Means of each `LOSS_BLOCK_STEPS` steps; what is left at the end is left out. */
export function blockMeans(losses: readonly number[]): readonly number[] {
  const numBlocks = Math.floor(losses.length / LOSS_BLOCK_STEPS);
  return Array.from({ length: numBlocks }, (_, i) => {
    const block = losses.slice(i * LOSS_BLOCK_STEPS, (i + 1) * LOSS_BLOCK_STEPS);
    return block.reduce((sum, loss) => sum + loss, 0) / LOSS_BLOCK_STEPS;
  });
}

function probesOf(runFolder: string): readonly ProbeSample[] {
  const folder = join(runFolder, STUDY_FOLDERS.probes);
  const files = existsSync(folder) ? readdirSync(folder) : [];
  // All workers hold the same numbers, and of a step that was repeated the later row counts.
  const rows = files.flatMap((file) => readLines(join(folder, file)) as unknown as ProbeSample[]);
  const byStep = new Map(rows.map((row) => [row.step, row]));
  return KEPT_PROBES.flatMap((step) => {
    const row = byStep.get(step);
    return row === undefined ? [] : [sampleOf(row)];
  });
}

function sampleOf({ step, gradientNorms, embeddingCosine, embeddingRms }: ProbeSample) {
  const norms = Object.entries(gradientNorms).map(([group, norm]) => [group, rounded(norm)]);
  return {
    step,
    gradientNorms: Object.fromEntries(norms) as Record<string, number>,
    embeddingCosine: rounded(embeddingCosine),
    embeddingRms: rounded(embeddingRms),
  };
}

function rounded(value: number): number {
  return Number(value.toPrecision(DIGITS));
}
