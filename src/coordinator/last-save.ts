import type { RunState } from "./run-state.ts";
import { saveSnapshot, tellOfFailure } from "./snapshot.ts";
import { say, type Turn, update } from "./turn.ts";

/**
 * Lets the end of the run wait for a disk that has failed to take the checkpoint of the current step, and
 * tries again after each pause: somebody may free some space, and all that was trained is in memory.
 *
 * @returns whether it waits; false when nothing has failed, a try is under way, or there was the last.
 */
export function awaitLastSave(turn: Turn): boolean {
  const { failedSave, step, plan, nowMs } = { ...turn.state, nowMs: turn.nowMs };
  if (failedSave?.step !== step) return false;
  const { retry, failedMs } = failedSave;
  if (retry.type === "trying" || retry.type === "over") return false;
  const { saveAgainMs, lastSaveMs } = plan.limits;
  if (retry.type === "none") {
    const pause = `every ${saveAgainMs / 1000} s, for ${lastSaveMs / 1000} s at most`;
    say(turn, `Step ${step}: the run ends with this checkpoint, which is tried again ${pause}.`);
  }
  const sinceMs = retry.type === "waiting" ? retry.sinceMs : nowMs;
  const isDue = nowMs - failedMs >= saveAgainMs;
  const type = isDue ? "trying" : "waiting";
  update(turn, { failedSave: { ...failedSave, retry: { type, sinceMs } } });
  if (isDue) tryAgain(turn);
  return true;
}

/** With the snapshot that is here; when it had to make room for another, a member is asked again. */
function tryAgain(turn: Turn): void {
  const { snapshot, step } = turn.state;
  if (snapshot?.step !== step || snapshot.digest === undefined) return;
  update(turn, { snapshot: { ...snapshot, isSaved: false } });
  saveSnapshot(turn);
}

/** Whether the end waits for a checkpoint whose state may be in this process alone. */
export function isLastSaveAwaited({ failedSave, snapshot, step }: RunState): boolean {
  if (failedSave?.step !== step || snapshot?.step !== step) return false;
  const { type } = failedSave.retry;
  return snapshot.digest !== undefined && (type === "waiting" || type === "trying");
}

/** The disk has had its time, and nobody waits for it any longer. */
export function onSaveLate(turn: Turn, words: string): void {
  const { saving, failedSave, step } = turn.state;
  if (saving !== undefined) giveUpSave(turn, saving.isGivenUp ? step : saving.step, words);
  else if (failedSave !== undefined) {
    update(turn, { failedSave: { ...failedSave, retry: { type: "over" } } });
  }
}

function giveUpSave(turn: Turn, step: number, words: string): void {
  const { saving } = turn.state;
  const failure = {
    ...{ step, code: "ERR_DEADLINE", message: `${words}; the disk does not answer` },
    failedMs: turn.nowMs,
  };
  update(turn, {
    saving: saving && { ...saving, isGivenUp: true },
    failedSave: { ...failure, retry: { type: "over" } },
  });
  tellOfFailure(turn, failure);
}
