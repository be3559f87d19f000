import { admit, catchUp, endReplay } from "./catch-up.ts";
import { evaluate, isEvaluationDue } from "./evaluation.ts";
import { awaitLastSave, isLastSaveAwaited } from "./last-save.ts";
import { formFleet, loseWorkers, restoreStragglers, rewind } from "./membership.ts";
import { recordCommits } from "./record-commits.ts";
import { abandonReunion, reunite } from "./reunite.ts";
import type { RunOutcome } from "./run-effects.ts";
import type { RunState } from "./run-state.ts";
import {
  isCheckpointDue,
  isSaving,
  isSnapshotFree,
  isTrusted,
  requestSnapshot,
  saveSnapshot,
} from "./snapshot.ts";
import { assignAhead } from "./step.ts";
import { emit, nameOf, record, say, type Turn, update } from "./turn.ts";
import { numWorkersNeeded } from "./waits.ts";

/** Does whatever the state now allows: the one place that decides what comes next. */
export function proceed(turn: Turn): void {
  if (turn.state.phase.type === "ended") return;
  if (turn.state.dispute !== undefined) settleDispute(turn);
  saveSnapshot(turn);
  if (turn.state.ending !== undefined) {
    proceedToEnd(turn, turn.state.ending);
    return;
  }
  if (turn.state.members.length === 0) {
    gather(turn);
    return;
  }
  catchUp(turn);
  const { phase, assignedThrough, step } = turn.state;
  if (phase.type === "linking" && phase.pending.size > 0) return;
  if (phase.type === "training" && assignedThrough > step) {
    if (isCheckpointDue(turn.state) && isSnapshotFree(turn.state)) requestSnapshot(turn);
    assignAhead(turn);
  } else if (phase.type !== "evaluating" || turn.state.evaluation === undefined) atBoundary(turn);
}

/**
 * Takes out those who differ from the majority. Without one nobody's parameters can be trusted: all are
 * taken out, and the run goes back to its checkpoint with who comes instead, or ends, when it has come no
 * further since that happened before.
 */
function settleDispute(turn: Turn): void {
  const { dispute } = turn.state;
  if (dispute === undefined) return;
  update(turn, { dispute: undefined });
  const { step, oddIds, majority, what } = dispute;
  if (majority !== undefined) {
    const reason = `has other ${what} at step ${step} than the majority`;
    loseWorkers(turn, oddIds, reason, "ERR_REPLICA_DIVERGED");
    // Who has erred is out, and what anybody had before that was known is computed again.
    update(turn, { kept: new Map() });
    return;
  }
  const { saved, distrustedAt, members } = turn.state;
  const names = oddIds.map((workerId) => nameOf(turn.state, workerId)).join(", ");
  if (distrustedAt === saved.step) {
    const message =
      `At step ${step}, ${names} have different ${what}, and no majority says who is right; it is the ` +
      `second time since the checkpoint of step ${saved.step}. Compare engines and versions on their hosts, run ` +
      "smallinit doctor there, then continue with resume.";
    endRun(turn, { status: "failed", error: { code: "ERR_REPLICA_DIVERGED", message } });
    return;
  }
  update(turn, { distrustedAt: saved.step });
  record(turn, { type: "undecided", step, workers: oddIds, what });
  const reason = `has other ${what} than others (of ${names}), and no majority says who is right`;
  loseWorkers(turn, members, reason, "ERR_REPLICA_DIVERGED");
}

/** Waits for enough workers prepared for this step, and makes them the fleet. */
function gather(turn: Turn): void {
  if (turn.state.phase.type !== "gathering") {
    update(turn, { phase: { type: "gathering", sinceMs: turn.nowMs } });
  }
  endReplay(turn);
  update(turn, { admission: undefined, suspicion: undefined, kept: new Map() });
  // The checkpoint being written, or not taken by the disk so far, is the newest state that is left.
  if (isSaving(turn.state)) return;
  if (isLastSaveAwaited(turn.state) && awaitLastSave(turn)) return;
  if (turn.state.reunion !== undefined && !reunite(turn)) return;
  if (turn.state.members.length > 0) return;
  rewind(turn);
  restoreStragglers(turn);
  if (turn.state.isClosed && turn.state.workers.size === 0) {
    const message = tooFewWorkers(turn.state, "local workers have ended: see their logs");
    endRun(turn, { status: "failed", error: { code: "ERR_WORKER_EXIT", message } });
    return;
  }
  const eligible = eligibleIds(turn.state);
  if (eligible.length >= numWorkersNeeded(turn.state)) formFleet(turn, eligible);
}

/** Why a run ends for want of workers, and what is left of it. */
export function tooFewWorkers({ saved, hasBegun }: RunState, why: string): string {
  const remains =
    saved.step > 0
      ? `The checkpoint of step ${saved.step} remains; `
      : "There is no checkpoint yet; ";
  return hasBegun
    ? `All workers were lost (${why}). ${remains}continue with resume.`
    : `Too few workers came (${why}). ${remains}start more workers, or ask for fewer.`;
}

function eligibleIds({ workers, step }: RunState): readonly number[] {
  return [...workers]
    .filter(([, { standing }]) => {
      if (standing.type !== "prepared" || standing.replayingSinceMs !== undefined) return false;
      return standing.step === step;
    })
    .map(([workerId]) => workerId);
}

/** The fleet is linked, and nobody computes: evaluation, snapshot and joiners come before the step. */
function atBoundary(turn: Turn): void {
  const { state } = turn;
  if (isEvaluationDue(state)) evaluate(turn);
  else if (admit(turn)) return;
  else if (state.step === state.plan.steps) finish(turn);
  else if (isCheckpointDue(state) && !isSnapshotFree(state)) waitForSaving(turn);
  else {
    if (isCheckpointDue(state)) requestSnapshot(turn);
    update(turn, { stepSinceMs: turn.nowMs });
    assignAhead(turn);
  }
}

function waitForSaving(turn: Turn): void {
  if (turn.state.phase.type === "saving") return;
  update(turn, { phase: { type: "saving", sinceMs: turn.nowMs } });
}

/** All steps are done: the last checkpoint is written, then everybody is free. */
function finish(turn: Turn): void {
  if (awaitLastSave(turn)) {
    waitForSaving(turn);
    return;
  }
  const { step, saved } = turn.state;
  const error = lastSaveError(turn.state);
  if (error !== undefined) endRun(turn, { status: "failed", error });
  else if (saved.step === step && isTrusted(turn.state, step)) {
    endRun(turn, { status: "completed" });
  } else {
    if (isCheckpointDue(turn.state) && isSnapshotFree(turn.state)) requestSnapshot(turn);
    waitForSaving(turn);
  }
}

/** Why the checkpoint of the current step will not be written. */
function lastSaveError({ step, failedSave }: RunState): RunOutcome["error"] {
  if (failedSave?.step !== step || failedSave.retry.type === "trying") return undefined;
  const { code, message } = failedSave;
  return { code, message };
}

/** The run is to end early: the state of this step becomes a checkpoint first, if anybody has it. */
function proceedToEnd(turn: Turn, outcome: RunOutcome): void {
  const isLost = turn.state.members.length === 0 && !isSaving(turn.state);
  if (isLost && !isLastSaveAwaited(turn.state)) {
    abandonReunion(turn);
    rewind(turn);
  }
  if (awaitLastSave(turn)) {
    waitForSaving(turn);
    return;
  }
  const { step, saved, members } = turn.state;
  const error = lastSaveError(turn.state);
  if (error !== undefined) {
    endRun(turn, { status: "failed", error: outcome.error ?? error });
    return;
  }
  const isKept = saved.step === step || step === 0;
  if (!isSaving(turn.state) && (isKept || members.length === 0)) {
    endRun(turn, outcome);
    return;
  }
  if (isCheckpointDue(turn.state) && isSnapshotFree(turn.state)) requestSnapshot(turn);
  waitForSaving(turn);
}

/** Says goodbye to everybody; nothing happens after. */
export function endRun(turn: Turn, outcome: RunOutcome): void {
  abandonReunion(turn);
  recordCommits(turn);
  const { step, agreed } = turn.state;
  const digest = agreed?.step === step ? agreed.digest : null;
  // Ahead of the word that lets workers go: the next start must not wait for them.
  record(turn, { type: "end", step, parameterDigest: digest, ...outcome });
  const reason = outcome.error?.message ?? `the run is ${outcome.status}`;
  for (const workerId of turn.state.workers.keys()) {
    emit(turn, { type: "send", workerId, message: { type: "finish", reason } });
  }
  update(turn, { phase: { type: "ended", outcome } });
  if (outcome.status === "interrupted") say(turn, `Interrupted after step ${step}.`);
  emit(turn, { type: "end", outcome });
}
