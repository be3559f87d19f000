import type { RunState } from "./run-state.ts";
import { nameOf } from "./turn.ts";
import { medianStepMs, type Wait, waitsOf } from "./waits.ts";

/** A wait is unusual when it takes longer than this, and longer than three usual steps. */
const UNUSUAL_AFTER_MS = 1000;

/**
 * Waits that are unusual: those that hold up the run before those that others do not mind, such as for a
 * joiner's engine; of these the longest first.
 */
export function unusualWaits(state: RunState, nowMs: number): readonly Wait[] {
  const afterMs = Math.max(UNUSUAL_AFTER_MS, 3 * (medianStepMs(state) ?? 0));
  const isMinded = ({ kind }: Wait) => Number(HOLDING_UP[state.phase.type].includes(kind));
  return waitsOf(state)
    .filter(({ sinceMs }) => nowMs - sinceMs >= afterMs)
    .sort((a, b) => isMinded(b) - isMinded(a) || a.sinceMs - b.sinceMs);
}

/** What holds up the run in each phase. */
const HOLDING_UP: Readonly<Record<RunState["phase"]["type"], readonly Wait["kind"][]>> = {
  gathering: ["gather"],
  linking: ["link"],
  training: ["compute", "exchange"],
  evaluating: ["evaluate"],
  saving: ["snapshot", "save", "digest"],
  admitting: ["admit"],
  ended: [],
};

/** "step 812: waiting 4.1 s for worker 3 (host-b/4711) to send chunk 2/5; median 0.6 s". */
export function waitInWords(state: RunState, wait: Wait, nowMs: number): string {
  const seconds = ((nowMs - wait.sinceMs) / 1000).toFixed(1);
  const names = wait.workerIds.slice(0, 3).map((workerId) => nameOf(state, workerId));
  const more = wait.workerIds.length - names.length;
  const who = [...names, ...(more > 0 ? [`${more} more`] : [])].join(", ");
  const what = who === "" ? wait.what : `${who} ${wait.what}`;
  const median = isOfStep(wait) ? medianStepMs(state) : undefined;
  const usual = median === undefined ? "" : `; median ${(median / 1000).toFixed(1)} s`;
  return `step ${state.step}: waiting ${seconds} s for ${what}${usual}`;
}

function isOfStep({ kind }: Wait): boolean {
  return kind === "compute" || kind === "exchange";
}
