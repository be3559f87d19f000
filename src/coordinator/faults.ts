import { assertNever } from "../base/assert.ts";
import { mostBlamed, relink, settleAccusations } from "./accusations.ts";
import { onSaveLate } from "./last-save.ts";
import { tellLateFrames } from "./late-frames.ts";
import { loseWorkers } from "./membership.ts";
import { noteWaits } from "./note-waits.ts";
import { endRun, tooFewWorkers } from "./proceed.ts";
import type { LocalExit } from "./run-events.ts";
import { record, say, type Turn } from "./turn.ts";
import { waitInWords } from "./unusual-waits.ts";
import { medianStepMs, type Wait, waitsOf } from "./waits.ts";

/** A local worker's process has ended early: its links tell the rest. */
export function onWorkerExit(turn: Turn, { message, restartMs }: LocalExit): void {
  const type = restartMs === undefined ? "worker-exit" : "worker-restart";
  record(turn, { type, message, ...(restartMs === undefined ? {} : { restartMs }) });
  say(turn, message, "warn");
}

/** Looks at every deadline; who is late is taken out, and the run goes on without. */
export function onTick(turn: Turn): void {
  settleAccusations(turn);
  noteWaits(turn);
  tellLateFrames(turn);
  // One after another: what one changes, the next must see.
  for (;;) {
    const late = waitsOf(turn.state).find((wait) => turn.nowMs - wait.sinceMs >= wait.limitMs);
    if (late === undefined || turn.state.phase.type === "ended") return;
    const before = turn.state;
    onLate(turn, late);
    if (turn.state === before) return;
  }
}

function onLate(turn: Turn, wait: Wait): void {
  const { state, nowMs } = turn;
  const words = waitInWords(state, wait, nowMs);
  switch (wait.kind) {
    case "gather":
      endRun(turn, {
        status: "failed",
        error: { code: "ERR_TOO_FEW_WORKERS", message: tooFewWorkers(state, words) },
      });
      return;
    case "save":
      onSaveLate(turn, words);
      return;
    case "link":
    case "exchange":
      if (state.relinks === 0) relink(turn, words);
      else loseWorkers(turn, guiltyOf(turn, wait), late(wait, nowMs), "ERR_DEADLINE");
      return;
    case "compute":
      // When nobody has finished, the step itself is long: there is nobody to be compared with.
      if (wait.workerIds.length === state.members.length && medianStepMs(state) === undefined) {
        const message = `${words}; no member has finished within the limit. Use a smaller microBatchSize.`;
        endRun(turn, { status: "failed", error: { code: "ERR_DEADLINE", message } });
        return;
      }
      loseWorkers(turn, wait.workerIds, late(wait, nowMs), "ERR_DEADLINE");
      return;
    case "prepare":
    case "evaluate":
    case "snapshot":
    case "sum":
    case "replay":
    case "admit":
    case "digest":
      loseWorkers(turn, wait.workerIds, late(wait, nowMs), "ERR_DEADLINE");
      return;
    default:
      assertNever(wait.kind);
  }
}

/** Who is blamed; else everybody who is late. */
function guiltyOf({ state, nowMs }: Turn, { workerIds }: Wait): readonly number[] {
  return state.accusations.length > 0 ? [mostBlamed(state, nowMs)] : workerIds;
}

function late({ sinceMs, what }: Wait, nowMs: number): string {
  return `took more than ${((nowMs - sinceMs) / 1000).toFixed(1)} s ${what}`;
}
