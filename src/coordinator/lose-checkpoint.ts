import { goBack } from "./go-back.ts";
import { loseWorkers } from "./membership.ts";
import type { RunEvent } from "./run-events.ts";
import type { RunStart } from "./run-state.ts";
import { emit, record, say, setStanding, type Turn, update } from "./turn.ts";

/**
 * The checkpoint that workers were to be sent is not whole, and nothing else has that state: takes the
 * one before, and those who wait are sent that.
 */
export function onCheckpointDamaged(
  turn: Turn,
  { damaged, start }: Extract<RunEvent, { readonly type: "checkpoint-damaged" }>,
): void {
  const [newest] = damaged;
  // Each worker that was to be sent it tells of it: the first time counts.
  if (newest === undefined || newest.step !== turn.state.saved.step) return;
  for (const one of damaged) record(turn, { type: "checkpoint-damaged", ...one });
  const { step, digest } = start;
  update(turn, { saved: { step, digest } });
  if (turn.state.members.length > 0) {
    const reason = `needs a checkpoint that is damaged: ${newest.message}`;
    loseWorkers(turn, awaitingIds(turn, newest.step), reason, newest.code);
    return;
  }
  if (turn.state.step === newest.step) goBackTo(turn, start);
  for (const workerId of awaitingIds(turn, newest.step)) {
    setStanding(turn, workerId, { type: "restoring", sinceMs: turn.nowMs, step });
    emit(turn, { type: "send-state", workerId, step });
  }
}

/** Who was promised the state of `step`. */
function awaitingIds({ state }: Turn, step: number): readonly number[] {
  return [...state.workers].flatMap(([workerId, { standing }]) => {
    const isAwaiting = standing.type === "preparing" || standing.type === "restoring";
    return isAwaiting && standing.step === step ? [workerId] : [];
  });
}

function goBackTo(turn: Turn, start: RunStart): void {
  const { step, digest, trainLoss, validationLoss, evaluatedStep } = start;
  const from = turn.state.step;
  update(turn, {
    ...{ step, assignedThrough: step, trainLoss, validationLoss, evaluatedStep },
    agreed: digest === undefined ? undefined : { step, digest },
    ...{ snapshot: undefined, skippedInARow: 0 },
  });
  goBack(turn, from, { step, evaluatedStep });
  say(
    turn,
    `The checkpoint of step ${from} is damaged; the run goes back to step ${step}.`,
    "warn",
  );
}
