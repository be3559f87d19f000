import { effectUnder, hasLearned, isUnder, pooledEffect, seedEffects } from "./compare-arms.ts";
import { type Condition, conditionsOf } from "./plan-runs.ts";
import { type Estimate, estimate, share } from "./statistics.ts";
import type { Claim } from "./study.ts";
import type { StudyResults } from "./study-results.ts";

/** What the runs say of a claim. */
export type Verdict = "supported" | "not supported" | "undecided";

/** A claim judged on one corpus, or between two. */
export interface Judgement {
  readonly claim: Claim;
  /** Names of the corpora whose runs decide. */
  readonly corpora: readonly string[];
  readonly verdict: Verdict;
  /** Undefined when the runs are missing. For `trains`, the share of the arm's runs that learn. */
  readonly effect: Estimate | undefined;
  /** The same under each condition by itself. */
  readonly byCondition: readonly ConditionEffect[];
}

/** An effect under one condition. */
export interface ConditionEffect {
  readonly condition: Condition;
  readonly effect: Estimate | undefined;
  /** For `trains`: the share of the other arm's runs. */
  readonly against?: Estimate;
}

/**
 * Effects below these are no effects, for practice: 5 % of the steps, and a hundredth of a nat. An
 * interval that lies below them as a whole speaks against a claim, as one below zero does.
 */
const LEAST_EFFECTS = { speed: Math.log(1.05), loss: 0.01 } as const;

/** Judges every claim of a study: on each corpus by itself, or between the two that it names. */
export function judgeClaims(results: StudyResults): readonly Judgement[] {
  return results.study.claims.flatMap((claim) => {
    if (claim.more?.type === "corpora") return [judgeBetweenCorpora(results, claim, claim.more)];
    return results.corpora.map(({ name }) =>
      claim.measure === "trains"
        ? judgeTraining(results, claim, name)
        : judgeEffect(results, claim, name),
    );
  });
}

function judgeEffect(results: StudyResults, claim: Claim, corpus: string): Judgement {
  const { more } = claim;
  const byCondition = conditionsOf(results.study).map((condition) => ({
    condition,
    effect: more === undefined ? effectUnder(results, claim, { corpus, condition }) : undefined,
  }));
  const effect =
    more?.type === "arms"
      ? difference(
          seedEffects(results, claim, corpus),
          seedEffects(results, { ...more, measure: claim.measure }, corpus),
        )
      : pooledEffect(results, claim, corpus);
  const verdict = verdictOf(effect, claim.measure);
  return { claim, corpora: [corpus], verdict, effect, byCondition: more ? [] : byCondition };
}

function judgeBetweenCorpora(
  results: StudyResults,
  claim: Claim,
  { on, than }: { readonly on: string; readonly than: string },
): Judgement {
  const effect = difference(seedEffects(results, claim, on), seedEffects(results, claim, than));
  const verdict = verdictOf(effect, claim.measure);
  return { claim, corpora: [on, than], verdict, effect, byCondition: [] };
}

/** Of runs that learn: only where the other arm fails can an arm save anything. */
function judgeTraining(results: StudyResults, claim: Claim, corpus: string): Judgement {
  const facts = results.corpora.find(({ name }) => name === corpus);
  const shareOf = (arm: string, condition: Condition) => {
    const runs = results.runs.filter(
      (run) => run.corpus === corpus && run.arm === arm && isUnder(run, condition),
    );
    const numLearned = runs.filter((run) => facts !== undefined && hasLearned(run, facts)).length;
    return runs.length === 0 ? undefined : share(numLearned, runs.length);
  };
  const byCondition = conditionsOf(results.study).flatMap((condition) => {
    const [effect, against] = [shareOf(claim.arm, condition), shareOf(claim.against, condition)];
    return effect === undefined || against === undefined ? [] : [{ condition, effect, against }];
  });
  const hard = byCondition.filter(({ against }) => against.mean < 1);
  const numRuns = hard.reduce((sum, { effect }) => sum + effect.count, 0);
  const numSaved = hard.reduce((sum, { effect }) => sum + effect.mean * effect.count, 0);
  const numOther = hard.reduce((sum, { against }) => sum + against.mean * against.count, 0);
  const effect = numRuns === 0 ? undefined : share(Math.round(numSaved), numRuns);
  const others = share(Math.round(numOther), Math.max(1, numRuns));
  const verdict = verdictOfShares(effect, others);
  return { claim, corpora: [corpus], verdict, effect, byCondition };
}

/** Intervals that do not meet decide; an arm that fails as often as the other saves nothing. */
function verdictOfShares(effect: Estimate | undefined, against: Estimate): Verdict {
  if (effect?.interval === undefined || against.interval === undefined) return "undecided";
  if (effect.interval[0] > against.interval[1]) return "supported";
  return effect.interval[1] < 0.5 || effect.mean < against.mean ? "not supported" : "undecided";
}

function verdictOf(effect: Estimate | undefined, measure: Claim["measure"]): Verdict {
  if (effect?.interval === undefined || measure === "trains") return "undecided";
  const [low, high] = effect.interval;
  if (low > 0) return "supported";
  return high < LEAST_EFFECTS[measure] ? "not supported" : "undecided";
}

function difference(
  effects: ReadonlyMap<number, number>,
  others: ReadonlyMap<number, number>,
): Estimate | undefined {
  const differences = [...effects].flatMap(([seed, effect]) => {
    const other = others.get(seed);
    return other === undefined ? [] : [effect - other];
  });
  return differences.length === 0 ? undefined : estimate(differences);
}
