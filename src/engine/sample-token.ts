import { assert } from "../base/assert.ts";
import type { Random } from "../base/random.ts";

/** How the next token is chosen from the logits. */
export interface SamplingOptions {
  /** Divides the logits; 0 takes the most probable token always. */
  readonly temperature: number;
  /** Only the k most probable tokens; 0: all. */
  readonly topK: number;
  /** Only the most probable tokens whose probabilities reach this sum (nucleus sampling, Holtzman et al. 2019); 1: all. */
  readonly topP: number;
}

/**
 * Draws a token: softmax(logits / temperature), cut to the top k, then to the nucleus p.
 *
 * @param logits f32[vocabSize], left as it is.
 */
export function sampleToken(
  logits: Float32Array,
  { temperature, topK, topP }: SamplingOptions,
  random: Random,
): number {
  const ids = idsByLogit(logits);
  if (temperature === 0) return ids[0] ?? 0;
  const kept = topK > 0 ? ids.slice(0, topK) : ids;
  const weights = softmaxWeights(logits, kept, temperature);
  return draw(kept, nucleus(weights, topP), random);
}

/** Token ids, the highest logit first, equal ones by id; NaN is a broken model, not a choice. */
function idsByLogit(logits: Float32Array): number[] {
  assert(logits.length > 0 && !logits.some(Number.isNaN), "the logits are not numbers");
  const ids = Array.from(logits, (_, id) => id);
  return ids.sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b);
}

/** Unnormalised probabilities, highest first. */
function softmaxWeights(logits: Float32Array, ids: readonly number[], temperature: number) {
  const highest = logits[ids[0] ?? 0] ?? 0;
  return ids.map((id) => Math.exp(((logits[id] ?? 0) - highest) / temperature));
}

/** The leading weights whose share reaches `topP`; at least one. */
function nucleus(weights: readonly number[], topP: number): readonly number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let mass = 0;
  const last = weights.findIndex((weight) => {
    mass += weight;
    return mass >= topP * total;
  });
  return last < 0 ? weights : weights.slice(0, last + 1);
}

function draw(ids: readonly number[], weights: readonly number[], random: Random): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let rest = random.uniform() * total;
  for (const [i, weight] of weights.entries()) {
    rest -= weight;
    if (rest < 0) return ids[i] ?? 0;
  }
  return ids[weights.length - 1] ?? 0;
}
