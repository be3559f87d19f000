import type { RunState } from "./run-state.ts";
import { medianStepMs, waitInWords, waitsOf } from "./waits.ts";

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

/** A wait is shown when it takes longer than this, and longer than three usual steps. */
const SHOWN_AFTER_MS = 2000;

/** What a state means for people at a moment. */
export function statusOf(state: RunState, nowMs: number): RunStatus {
  const { plan, step, trainLoss: loss, validationLoss, members } = state;
  const median = medianStepMs(state);
  const isTraining = state.phase.type === "training" && median !== undefined;
  return {
    ...{ phase: phaseInWords(state), step, steps: plan.steps, loss, validationLoss },
    tokensPerSecond: median === undefined ? undefined : (plan.tokensPerStep / median) * 1000,
    msLeft: isTraining ? (plan.steps - step) * median : undefined,
    numWorkers: members.length,
    waitingFor: waitingFor(state, nowMs),
  };
}

function phaseInWords({ phase }: RunState): RunStatus["phase"] {
  return phase.type === "admitting" ? "linking" : phase.type;
}

/** The wait that has taken longest, if that is unusual. */
function waitingFor(state: RunState, nowMs: number): string | undefined {
  const shownAfterMs = Math.max(SHOWN_AFTER_MS, 3 * (medianStepMs(state) ?? 0));
  const [longest] = waitsOf(state)
    .filter(({ sinceMs }) => nowMs - sinceMs >= shownAfterMs)
    .sort((a, b) => a.sinceMs - b.sinceMs);
  return longest === undefined ? undefined : waitInWords(state, longest, nowMs);
}
