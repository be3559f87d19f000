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
  /** Undefined when the runs are missing. For `trains`, of pairs of which one run alone learns, the arm's. */
  readonly effect: Estimate | undefined;
  /** The same under each condition by itself. */
  readonly byCondition: readonly ConditionEffect[];
}

/** An effect under one condition; for `trains`, the share of the arm's runs that learn. */
export interface ConditionEffect {
  readonly condition: Condition;
  readonly effect: Estimate | undefined;
  /** For `trains`: the share of the other arm's runs that learn. */
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

/**
 * Of runs that learn, by pairs of one seed under one condition: where one run alone of a pair learns, it
 * is the arm's more often than not (McNemar, 1947). Pairs of which both or none learn say nothing; to
 * choose conditions by how often the other arm fails would favour this one.
 */
function judgeTraining(results: StudyResults, claim: Claim, corpus: string): Judgement {
  const facts = results.corpora.find(({ name }) => name === corpus);
  const outcomesOf = (arm: string, condition: Condition): ReadonlyMap<number, boolean> => {
    const runs = results.runs.filter(
      (run) => run.corpus === corpus && run.arm === arm && isUnder(run, condition),
    );
    return new Map(runs.map((run) => [run.seed, facts !== undefined && hasLearned(run, facts)]));
  };
  const byCondition = conditionsOf(results.study).map((condition) => ({
    condition,
    own: outcomesOf(claim.arm, condition),
    other: outcomesOf(claim.against, condition),
  }));
  const alone = byCondition.flatMap(({ own, other }) =>
    [...own].filter(([seed, learns]) => other.has(seed) && other.get(seed) !== learns),
  );
  const numOwn = alone.filter(([, learns]) => learns).length;
  const effect = alone.length === 0 ? undefined : share(numOwn, alone.length);
  const shares = byCondition.flatMap(({ condition, own, other }) =>
    own.size === 0 || other.size === 0
      ? []
      : [{ condition, effect: learningShare(own), against: learningShare(other) }],
  );
  return {
    ...{ claim, corpora: [corpus], verdict: verdictOfPairs(effect), effect },
    byCondition: shares,
  };
}

function learningShare(outcomes: ReadonlyMap<number, boolean>): Estimate {
  return share([...outcomes.values()].filter(Boolean).length, outcomes.size);
}

function verdictOfPairs(effect: Estimate | undefined): Verdict {
  if (effect?.interval === undefined) return "undecided";
  const [low, high] = effect.interval;
  if (low > 0.5) return "supported";
  return high < 0.5 ? "not supported" : "undecided";
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
