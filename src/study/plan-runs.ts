import type { Settings, Study } from "./study.ts";

/** One training of a study. */
export interface PlannedRun {
  /** Its folder below the study's `runs`, for example "char/pre-small/learningRate-0.001/seed-1". */
  readonly name: string;
  readonly corpus: string;
  readonly arm: string;
  /** What varies besides arm, corpus and seed. */
  readonly condition: Condition;
  readonly seed: number;
  /** Values by key of the configuration. */
  readonly settings: Settings;
}

/** The values of a study's variations in one run. */
export type Condition = Readonly<Record<string, number>>;

/**
 * All runs of a study, seeds outermost: cut short at any moment, what is there compares whole arms.
 */
export function planRuns(study: Study): readonly PlannedRun[] {
  const conditions = conditionsOf(study);
  return study.seeds.flatMap((seed) =>
    study.corpora.flatMap((corpus) =>
      conditions.flatMap((condition) =>
        study.arms.map((arm) => ({
          name: [corpus.name, arm.name, ...conditionParts(condition), `seed-${seed}`].join("/"),
          ...{ corpus: corpus.name, arm: arm.name, condition, seed },
          settings: { ...study.configuration, ...arm.configuration, ...condition, seed },
        })),
      ),
    ),
  );
}

/** Every combination of the study's varied values; one empty one where nothing varies. */
export function conditionsOf({ vary }: Pick<Study, "vary">): readonly Condition[] {
  return vary.reduce<readonly Condition[]>(
    (conditions, { key, values }) =>
      conditions.flatMap((condition) => values.map((value) => ({ ...condition, [key]: value }))),
    [{}],
  );
}

function conditionParts(condition: Condition): readonly string[] {
  return Object.entries(condition).map(([key, value]) => `${key}-${value}`);
}
