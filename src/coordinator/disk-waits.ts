import type { RunState } from "./run-state.ts";
import type { Wait } from "./waits.ts";

/** What the disk is waited for; `limitMs` is for one checkpoint to be written. */
export function diskWaits(state: RunState, limitMs: number): readonly Wait[] {
  const { saving, failedSave, phase, step } = state;
  const { lastSaveMs } = state.plan.limits;
  const failed = failedSave?.step === step ? failedSave : undefined;
  const wait = { kind: "save", workerIds: [], limitMs } as const;
  const waits: Wait[] = [];
  if (saving !== undefined && !saving.isGivenUp) {
    const what = `the checkpoint of step ${saving.step} to be written`;
    waits.push({ ...wait, sinceMs: saving.sinceMs, what });
  } else if (saving !== undefined && phase.type === "saving" && failed?.retry.type !== "over") {
    const what = `the disk to be done with the checkpoint of step ${saving.step}, which was given up`;
    waits.push({ ...wait, sinceMs: phase.sinceMs, what });
  }
  if (failed === undefined) return waits;
  const { retry, message } = failed;
  if (retry.type !== "waiting" && retry.type !== "trying") return waits;
  const what = `the disk to take the last checkpoint: ${message}`;
  // A try that has begun may come to its end.
  const retryMs = retry.type === "trying" ? Number.POSITIVE_INFINITY : lastSaveMs;
  return [...waits, { ...wait, sinceMs: retry.sinceMs, limitMs: retryMs, what }];
}
