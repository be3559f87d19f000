import type { Condition } from "./plan-runs.ts";
import type { Study } from "./study.ts";

/** What a study gave, as far as its runs are over: all that the report is made of. */
export interface StudyResults {
  readonly study: Study;
  /** What computed, for people. */
  readonly machine: string;
  readonly corpora: readonly CorpusFacts[];
  readonly numPlanned: number;
  readonly runs: readonly RunResult[];
}

/** A corpus and what a model without context would reach on it. */
export interface CorpusFacts {
  readonly name: string;
  readonly vocabSize: number;
  readonly trainTokens: number;
  readonly validationTokens: number;
  /** ln(V), nats per token: the loss of a fresh model. */
  readonly uniformLoss: number;
  /** Nats per token that token frequencies alone reach on the validation part. */
  readonly unigramLoss: number;
}

/** A run that is over. */
export interface RunResult {
  readonly name: string;
  readonly corpus: string;
  readonly arm: string;
  readonly condition: Condition;
  readonly seed: number;
  readonly standing: "completed" | "diverged";
  /** Updates done. */
  readonly steps: number;
  /** Mean over the whole validation part after the last step; null when the run diverged. */
  readonly validationLoss: number | null;
  /** Mean training losses of `LOSS_BLOCK_STEPS` steps each, in nats per token. */
  readonly losses: readonly number[];
  readonly probes: readonly ProbeSample[];
  readonly parameterDigest: string | null;
  readonly wallMs: number;
}

/** A kept row of a run's probes. */
export interface ProbeSample {
  readonly step: number;
  /** By group of parameters, of the mean gradient before the clip. */
  readonly gradientNorms: Readonly<Record<string, number>>;
  readonly embeddingCosine: number;
  readonly embeddingRms: number;
}

/** Steps whose training losses are kept as one mean: a step's own is mostly noise. */
export const LOSS_BLOCK_STEPS = 5;
