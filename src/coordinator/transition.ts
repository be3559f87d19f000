import { assertNever } from "../base/assert.ts";
import { COORDINATOR_ID } from "../collective/exchange-plan.ts";
import { onPeerLost } from "./accusations.ts";
import { onReplayed, onSum } from "./catch-up.ts";
import { onEvaluated } from "./evaluation.ts";
import { onTick, onWorkerExit } from "./faults.ts";
import { noteLateFrames } from "./late-frames.ts";
import { onCheckpointDamaged } from "./lose-checkpoint.ts";
import { loseWorkers, onLinked } from "./membership.ts";
import { onWaiting } from "./note-waits.ts";
import { endRun, proceed } from "./proceed.ts";
import type { RunEffect } from "./run-effects.ts";
import type { RunEvent } from "./run-events.ts";
import type { RunState } from "./run-state.ts";
import { onDigest, onSaved, onSaveFailed, onSnapshot } from "./snapshot.ts";
import { onComputed, onReady } from "./step.ts";
import { say, type Turn, update } from "./turn.ts";
import { onHello, onPrepared } from "./welcome.ts";

/** What a transition gives: the next state, and what the shell has to do, in order. */
export interface Transition {
  readonly state: RunState;
  readonly effects: readonly RunEffect[];
}

/**
 * The coordinator's decisions: pure, so that a simulator can try any order of events.
 *
 * @param nowMs the shell's clock; never less than before.
 */
export function transition(state: RunState, event: RunEvent, nowMs: number): Transition {
  // What still arrives after the end changes nothing.
  if (state.phase.type === "ended") return { state, effects: [] };
  const turn: Turn = { state, effects: [], nowMs };
  take(turn, event);
  proceed(turn);
  return { state: turn.state, effects: turn.effects };
}

function take(turn: Turn, event: RunEvent): void {
  switch (event.type) {
    case "hello":
      onHello(turn, event.workerId, event.hello, event.host);
      return;
    case "message":
      takeMessage(turn, event.workerId, event.message);
      return;
    case "star-waits":
      onWaiting(turn, COORDINATOR_ID, event);
      return;
    case "late-frames":
      noteLateFrames(turn, event.numFrames);
      return;
    case "closed":
      loseWorkers(turn, [event.workerId], `its link ended (${event.reason})`);
      return;
    case "snapshot":
      onSnapshot(turn, event.workerId, event.step, event.digest);
      return;
    case "sum":
      onSum(turn, event.workerId, event.step);
      return;
    case "saved":
      onSaved(turn, event.step);
      return;
    case "save-failed":
      onSaveFailed(turn, event.step, event.code, event.message);
      return;
    case "checkpoint-damaged":
      onCheckpointDamaged(turn, event);
      return;
    case "worker-exit":
      onWorkerExit(turn, event);
      return;
    case "stop":
      if (turn.state.ending !== undefined) return;
      say(turn, "Stopping: writing a checkpoint first.");
      update(turn, { ending: { status: "interrupted" } });
      return;
    case "no-more-workers":
      update(turn, { isClosed: true });
      return;
    case "broken": {
      const { code, message } = event;
      endRun(turn, { status: "failed", error: { code, message } });
      return;
    }
    case "tick":
      onTick(turn);
      return;
    default:
      assertNever(event);
  }
}

function takeMessage(
  turn: Turn,
  workerId: number,
  message: Extract<RunEvent, { readonly type: "message" }>["message"],
): void {
  // Dropped workers' words may still be on their way.
  if (!turn.state.workers.has(workerId)) return;
  switch (message.type) {
    case "prepared":
      onPrepared(turn, workerId, message);
      return;
    case "linked":
      onLinked(turn, workerId, message);
      return;
    case "computed":
      onComputed(turn, workerId, message);
      return;
    case "ready":
      onReady(turn, workerId, message);
      return;
    case "digest":
      onDigest(turn, workerId, message);
      onReplayed(turn, workerId, message);
      return;
    case "evaluated":
      onEvaluated(turn, workerId, message);
      return;
    case "waiting":
      onWaiting(turn, workerId, message);
      return;
    case "peer-lost":
      onPeerLost(turn, workerId, message);
      return;
    case "worker-failed": {
      const { code, message: text } = message;
      loseWorkers(turn, [workerId], `failed with ${code}: ${text}`);
      return;
    }
    default:
      assertNever(message);
  }
}
