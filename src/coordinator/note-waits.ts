import type { Moment, PeerWait } from "../protocol/messages.ts";
import { emit, record, type Turn, update, withEntry } from "./turn.ts";
import { medianStepMs, unusualWait, type Wait, waitInWords } from "./waits.ts";

/** At first told of after this time more, then after twice as long as the wait has lasted. */
const ASK_AGAIN_MS = 500;

/**
 * Tells events.jsonl of an unusual wait: when it becomes one, half a second later with what the members
 * say about it, then each time it has become twice as long. Asks them for whom they wait.
 */
export function noteWaits(turn: Turn): void {
  const wait = unusualWait(turn.state, turn.nowMs);
  if (wait === undefined) {
    if (turn.state.notedWait !== undefined) update(turn, { notedWait: undefined });
    return;
  }
  const { notedWait } = turn.state;
  const isNoted = notedWait?.kind === wait.kind && notedWait.sinceMs === wait.sinceMs;
  if (isNoted && turn.nowMs < notedWait.nextMs) return;
  recordWait(turn, wait);
  if (wait.kind === "exchange") askForWaits(turn);
  const lasted = turn.nowMs - wait.sinceMs;
  const nextMs = turn.nowMs + (isNoted ? lasted : ASK_AGAIN_MS);
  update(turn, { notedWait: { kind: wait.kind, sinceMs: wait.sinceMs, nextMs } });
}

function recordWait(turn: Turn, wait: Wait): void {
  const { state, nowMs } = turn;
  const { kind, workerIds } = wait;
  record(turn, {
    ...{ type: "waiting", step: state.step, kind, workerIds },
    waitedMs: Math.round(nowMs - wait.sinceMs),
    medianStepMs: medianStepMs(state) ?? null,
    message: waitInWords(state, wait, nowMs),
  });
}

function askForWaits(turn: Turn): void {
  const { generation, step, members, ready, plan } = turn.state;
  if (plan.allReduce === "star") {
    emit(turn, { type: "report-star-waits", generation, step });
    return;
  }
  const message = { type: "report-waits", generation, step } as const;
  for (const workerId of members) {
    if (!ready.has(workerId)) emit(turn, { type: "send", workerId, message });
  }
}

/** Somebody tells for whom it waits in the exchange of the current step. */
export function onWaiting(
  turn: Turn,
  reporterId: number,
  { generation, step, waits }: Moment & { readonly waits: readonly PeerWait[] },
): void {
  const { state } = turn;
  if (generation !== state.generation || step !== state.step) {
    update(turn, { numStale: state.numStale + 1 });
    return;
  }
  update(turn, { peerWaits: withEntry(state.peerWaits, reporterId, waits) });
}
