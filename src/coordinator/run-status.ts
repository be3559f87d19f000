import type { RunState } from "./run-state.ts";
import { unusualWaits, waitInWords } from "./unusual-waits.ts";
import { medianStepMs } from "./waits.ts";

/** What a run is doing right now: for a progress line, published about four times a second. */
export interface RunStatus {
  readonly phase: "gathering" | "linking" | "training" | "evaluating" | "saving" | "ended";
  /** Updates done. */
  readonly step: number;
  /** Updates of the whole run. */
  readonly steps: number;
  /** Mean loss of the last step, in nats per token. */
  readonly loss: number | undefined;
  readonly validationLoss: number | undefined;
  /** Of the last steps, not of the whole run. */
  readonly tokensPerSecond: number | undefined;
  /** Estimated from the last steps. */
  readonly msLeft: number | undefined;
  /** Members of the fleet. */
  readonly numWorkers: number;
  /**
   * What the run waits for and since when, for example "step 812: waiting 4.1 s for worker 3
   * (host-b/4711) to compute its leaves"; undefined when nothing is unusual.
   */
  readonly waitingFor: string | undefined;
}

/** What a state means for people at a moment. */
export function statusOf(state: RunState, nowMs: number): RunStatus {
  const { plan, step, trainLoss: loss, validationLoss, members } = state;
  const median = medianStepMs(state);
  const [wait] = unusualWaits(state, nowMs);
  const isTraining = state.phase.type === "training" && median !== undefined;
  return {
    ...{ phase: phaseInWords(state), step, steps: plan.steps, loss, validationLoss },
    tokensPerSecond: median === undefined ? undefined : (plan.tokensPerStep / median) * 1000,
    msLeft: isTraining ? (plan.steps - step) * median : undefined,
    numWorkers: members.length,
    waitingFor: wait === undefined ? undefined : waitInWords(state, wait, nowMs),
  };
}

function phaseInWords({ phase }: RunState): RunStatus["phase"] {
  return phase.type === "admitting" ? "linking" : phase.type;
}
