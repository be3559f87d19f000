import { type Configuration, leavesPerStep } from "../configuration/configuration.ts";
import type { ValidationBatches } from "../data/validation-batches.ts";
import { DEFAULT_WAIT_LIMITS, type RunPlan } from "./run-plan.ts";

/** What is asked of a run. */
export interface RunWish {
  readonly configuration: Configuration;
  readonly minWorkers: number;
  readonly gatherTimeoutMs?: number;
  readonly isLocal: boolean;
  readonly allowsMixedEngines?: boolean;
  readonly auditRate?: number;
}

/** What the machine needs to know of a run before it begins. */
export function planRun(options: RunWish, batches: ValidationBatches, runId: string): RunPlan {
  const { configuration, gatherTimeoutMs, minWorkers } = options;
  const { steps, evaluateEvery, checkpointEvery, maxSkippedSteps, allReduce } = configuration;
  return {
    ...{ runId, steps, evaluateEvery, checkpointEvery, maxSkippedSteps, allReduce, minWorkers },
    allowsMixedEngines: options.allowsMixedEngines ?? false,
    // On a bf16 wire the bits depend on who computes what: not on how fast, too.
    dividesBySpeed: configuration.wire === "f32",
    audit: { rate: options.auditRate ?? 0, seed: configuration.seed },
    canReunite: !options.isLocal,
    numLeaves: leavesPerStep(configuration),
    tokensPerStep: configuration.batchSize * configuration.contextLength,
    numEvaluationBatches: batches.numBatches,
    evaluationTokens: batches.numPositions,
    limits: {
      ...DEFAULT_WAIT_LIMITS,
      ...(gatherTimeoutMs === undefined ? {} : { gatherMs: gatherTimeoutMs }),
    },
  };
}
