import type { StudyResults } from "./study-results.ts";

/** A row for each run that is over, with a head: for spreadsheets and data frames. */
export function reportCsv({ study, runs }: StudyResults): string {
  const keys = study.vary.map(({ key }) => key);
  const head = [
    ...["corpus", "arm", ...keys, "seed", "standing", "steps", "validationLoss"],
    ...["lastTrainingLoss", "wallMs", "parameterDigest"],
  ];
  const rows = runs.map((run) => [
    ...[run.corpus, run.arm, ...keys.map((key) => run.condition[key]), run.seed, run.standing],
    ...[run.steps, run.validationLoss, run.losses.at(-1), run.wallMs, run.parameterDigest],
  ]);
  return `${[head, ...rows].map((row) => row.map((value) => value ?? "").join(",")).join("\n")}\n`;
}
