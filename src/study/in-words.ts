import type { Judgement } from "./judge-claims.ts";
import type { Condition } from "./plan-runs.ts";
import type { Estimate } from "./statistics.ts";
import { exponential } from "./statistics.ts";
import type { Claim } from "./study.ts";
import type { StudyResults } from "./study-results.ts";

/** A condition for people, for example "learningRate 0.001"; empty where nothing varies. */
export function conditionInWords(condition: Condition): string {
  return Object.entries(condition)
    .map(([key, value]) => `${key} ${value}`)
    .join(", ");
}

/** An estimate with its interval, for example "1.12 (1.03 to 1.22)". */
export function estimateInWords({ mean, interval }: Estimate, digits: number): string {
  const number = (value: number) => value.toFixed(digits);
  if (interval === undefined) return `${number(mean)} (one seed: no interval)`;
  return `${number(mean)} (${number(interval[0])} to ${number(interval[1])})`;
}

/** An effect in the unit of its measure: a factor of steps, nats, or a share. */
export function effectInWords(effect: Estimate | undefined, claim: Claim): string {
  if (effect === undefined) return claim.measure === "trains" ? "no such pair" : "no runs";
  switch (claim.measure) {
    case "speed":
      return `${estimateInWords(exponential(effect), 2)} times`;
    case "loss":
      return `${estimateInWords(effect, 3)} nats`;
    case "trains":
      return `${countsOf(effect)} pairs (${percent(effect)})`;
  }
}

/** A share under one condition, for example "3 of 5 runs learn, 1 of 5 of the other arm". */
export function learningInWords(effect: Estimate, against: Estimate): string {
  return `${countsOf(effect)} runs learn, ${countsOf(against)} of the other arm`;
}

/** What an effect of a claim means, for the head of a table. */
export function effectMeaning({ measure, more }: Claim): string {
  const than = more === undefined ? "" : ", relative to the same elsewhere";
  if (measure === "speed") return `fewer steps to the same training losses, as a factor${than}`;
  if (measure === "loss") return `lower final validation loss${than}`;
  return "of the pairs with one seed and condition of which one run alone learns, those where it is this arm's";
}

/** The title of a corpus. */
export function corpusTitle({ study }: StudyResults, name: string): string {
  return study.corpora.find((corpus) => corpus.name === name)?.title ?? name;
}

/** The title of an arm. */
export function armTitle({ study }: StudyResults, name: string): string {
  return study.arms.find((arm) => arm.name === name)?.title ?? name;
}

/** A judgement in a sentence, for example "Characters: supported, 1.12 (1.03 to 1.22) times, 3 seeds." */
export function judgementInWords(results: StudyResults, judgement: Judgement): string {
  const { claim, corpora, verdict, effect } = judgement;
  const where = corpora.map((name) => corpusTitle(results, name)).join(" against ");
  const isOfSeeds = effect !== undefined && claim.measure !== "trains";
  const seeds = isOfSeeds ? `, ${countOf(effect.count, "seed")}` : "";
  return `${where}: ${verdict}, ${effectInWords(effect, claim)}${seeds}.`;
}

/** A count with its noun, for example "1 seed", "3 seeds". */
export function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function countsOf({ mean, count }: Estimate): string {
  return `${Math.round(mean * count)} of ${count}`;
}

function percent({ interval }: Estimate): string {
  if (interval === undefined) return "no interval";
  return `${Math.round(interval[0] * 100)} to ${Math.round(interval[1] * 100)} %`;
}
