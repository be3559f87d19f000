import type { RunOutcome } from "./run-effects.ts";
import type { RunJournal } from "./run-journal.ts";
import type { RunState } from "./run-state.ts";
import type { RunSummary } from "./run-summary.ts";

/** How a run has ended, from what the machine and the journal know. */
export function summarizeRun(
  state: RunState,
  outcome: RunOutcome,
  journal: RunJournal,
): RunSummary {
  const { step, plan, trainLoss, validationLoss, agreed, trainedMs, trainedTokens } = state;
  const { status, error } = outcome;
  return {
    ...{
      status,
      steps: step,
      trainLoss: finite(trainLoss),
      validationLoss: finite(validationLoss),
    },
    parameterDigest: agreed?.step === step ? agreed.digest : null,
    tokensPerSecond: trainedMs === 0 ? 0 : Math.round((trainedTokens / trainedMs) * 1e6) / 1000,
    tokens: step * plan.tokensPerStep,
    wallMs: journal.wallMs,
    workers: journal.numWorkers,
    restarts: journal.restarts + journal.workerRestarts,
    workerRestarts: journal.workerRestarts,
    ...(plan.audit.rate === 0 ? {} : { audit: state.audited }),
    lateFrames: state.lateFrames.numFrames,
    checkpointStep: state.saved.step === 0 ? null : state.saved.step,
    ...(error === undefined ? {} : { error }),
  };
}

/** JSON has neither NaN nor infinity. */
function finite(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null;
}
