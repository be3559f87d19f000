import { type Condition, conditionsOf } from "./plan-runs.ts";
import { bestLoss, smoothCurve, stepsToReach } from "./smooth-curve.ts";
import { type Estimate, estimate } from "./statistics.ts";
import type { Claim } from "./study.ts";
import type { CorpusFacts, RunResult, StudyResults } from "./study-results.ts";

/** Two arms, and what of them is compared. */
export type Comparison = Pick<Claim, "arm" | "against" | "measure">;

/** Parts of the training at whose losses steps are compared. */
const PARTS = [0.5, 0.75, 1] as const;
/** Nats below what token frequencies reach: a model that is not there has learned nothing else. */
const LEARNED_NATS = 0.1;

/**
 * The effect of an arm over another on one corpus: per seed the mean over all conditions in which both
 * have ended, since a seed's runs share the order of their data and most of their start.
 *
 * @returns for `loss` nats, for `speed` logarithms of factors: positive is better; undefined when there
 *   is no seed with both.
 */
export function pooledEffect(
  results: StudyResults,
  comparison: Comparison,
  corpus: string,
): Estimate | undefined {
  const effects = [...seedEffects(results, comparison, corpus).values()];
  return effects.length === 0 ? undefined : estimate(effects);
}

/** The effect by seed; see `pooledEffect`. A seed counts when all its conditions have both runs. */
export function seedEffects(
  { study, runs }: StudyResults,
  comparison: Comparison,
  corpus: string,
): ReadonlyMap<number, number> {
  const conditions = conditionsOf(study);
  const effects = new Map<number, number>();
  for (const seed of study.seeds) {
    const found = conditions.map((condition) => {
      const of = (arm: string) => runs.find((run) => isRun(run, { corpus, arm, condition, seed }));
      return effectOf(of(comparison.arm), of(comparison.against), comparison.measure);
    });
    const whole = found.filter((effect) => effect !== undefined);
    if (whole.length < conditions.length) continue;
    effects.set(seed, whole.reduce((sum, effect) => sum + effect, 0) / whole.length);
  }
  return effects;
}

/** The effect under one condition, over its seeds. */
export function effectUnder(
  { study, runs }: StudyResults,
  { arm, against, measure }: Comparison,
  { corpus, condition }: { readonly corpus: string; readonly condition: Condition },
): Estimate | undefined {
  const effects = study.seeds.flatMap((seed) => {
    const of = (name: string) =>
      runs.find((run) => isRun(run, { corpus, arm: name, condition, seed }));
    const effect = effectOf(of(arm), of(against), measure);
    return effect === undefined ? [] : [effect];
  });
  return effects.length === 0 ? undefined : estimate(effects);
}

/** Whether a run learned more than how often each token comes. */
export function hasLearned({ validationLoss }: RunResult, { unigramLoss }: CorpusFacts): boolean {
  return validationLoss !== null && validationLoss < unigramLoss - LEARNED_NATS;
}

/** Whether a run is that of a cell and a seed. */
export function isRun(
  run: RunResult,
  wanted: Pick<RunResult, "corpus" | "arm" | "condition" | "seed">,
): boolean {
  const { corpus, arm, seed, condition } = wanted;
  return run.corpus === corpus && run.arm === arm && run.seed === seed && isUnder(run, condition);
}

/** Whether a run was made under a condition. */
export function isUnder(run: RunResult, condition: Condition): boolean {
  return Object.entries(condition).every(([key, value]) => run.condition[key] === value);
}

function effectOf(
  run: RunResult | undefined,
  other: RunResult | undefined,
  measure: Comparison["measure"],
): number | undefined {
  if (run === undefined || other === undefined) return undefined;
  if (measure === "speed") return speedEffect(run, other);
  if (run.validationLoss === null || other.validationLoss === null) return undefined;
  return other.validationLoss - run.validationLoss;
}

/**
 * The logarithm of how many times fewer steps a run takes than another, to the losses at which the
 * slower of the two is after half, three quarters and all of the training. Both reach these, so nothing
 * is cut off, and the arms could change places.
 */
function speedEffect(run: RunResult, other: RunResult): number | undefined {
  const [curve, otherCurve] = [smoothCurve(run.losses), smoothCurve(other.losses)];
  const ratios = PARTS.flatMap((part) => {
    const loss = Math.max(bestLoss(curve, part), bestLoss(otherCurve, part));
    const [steps, otherSteps] = [stepsToReach(curve, loss), stepsToReach(otherCurve, loss)];
    return steps === undefined || otherSteps === undefined ? [] : [Math.log(otherSteps / steps)];
  });
  if (ratios.length < PARTS.length) return undefined;
  return ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
}
