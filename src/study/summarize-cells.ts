import { hasLearned, isUnder } from "./compare-arms.ts";
import { type Condition, conditionsOf } from "./plan-runs.ts";
import { bestLoss, smoothCurve, stepsToReach } from "./smooth-curve.ts";
import { type Estimate, estimate } from "./statistics.ts";
import type { RunResult, StudyResults } from "./study-results.ts";

/** All seeds of one arm on one corpus under one condition. */
export interface Cell {
  readonly corpus: string;
  readonly condition: Condition;
  readonly arm: string;
  readonly runs: readonly RunResult[];
  /** Undefined when no run has one. */
  readonly validationLoss: Estimate | undefined;
  readonly numLearned: number;
  /** By each of the corpus's given losses. */
  readonly steps: readonly ReachedLoss[];
}

/** How soon the runs of a cell come down to a loss. */
export interface ReachedLoss {
  readonly loss: number;
  readonly numReached: number;
  /** Of those that do; only comparable where all do. Undefined where none does. */
  readonly steps: Estimate | undefined;
}

/** Parts of the training after which the first arm's losses become the given ones. */
const LOSS_PARTS = [0.25, 0.5, 1] as const;

/** Every cell of a study with at least one run that is over, by corpus, condition and arm. */
export function summarizeCells(results: StudyResults): readonly Cell[] {
  const { study, runs } = results;
  return study.corpora.flatMap(({ name: corpus }) =>
    conditionsOf(study).flatMap((condition) => {
      const losses = givenLosses(results, corpus, condition);
      return study.arms.flatMap(({ name: arm }) => {
        const own = runs.filter(
          (run) => run.corpus === corpus && run.arm === arm && isUnder(run, condition),
        );
        if (own.length === 0) return [];
        const facts = results.corpora.find(({ name }) => name === corpus);
        const ends = own.flatMap((run) => run.validationLoss ?? []);
        return [
          {
            ...{ corpus, condition, arm, runs: own },
            validationLoss: ends.length === 0 ? undefined : estimate(ends),
            numLearned: own.filter((run) => facts !== undefined && hasLearned(run, facts)).length,
            steps: losses.map((loss) => reached(own, loss)),
          },
        ];
      });
    }),
  );
}

/** The losses at which steps are told: those of the study's first arm on its way, rounded. */
function givenLosses(
  { study, runs }: StudyResults,
  corpus: string,
  condition: Condition,
): readonly number[] {
  const first = study.arms[0]?.name;
  const curves = runs
    .filter((run) => run.corpus === corpus && run.arm === first && isUnder(run, condition))
    .map((run) => smoothCurve(run.losses))
    .filter((curve) => curve.length > 0);
  if (curves.length === 0) return [];
  return LOSS_PARTS.map((part) => {
    // The slowest seed's: so that each of this arm's runs reaches it.
    const loss = Math.max(...curves.map((curve) => bestLoss(curve, part)));
    return Math.ceil(loss * 100) / 100;
  });
}

function reached(runs: readonly RunResult[], loss: number): ReachedLoss {
  const steps = runs.flatMap((run) => stepsToReach(smoothCurve(run.losses), loss) ?? []);
  return {
    loss,
    numReached: steps.length,
    steps: steps.length === 0 ? undefined : estimate(steps),
  };
}
