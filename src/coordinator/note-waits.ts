import type { Moment, PeerWait } from "../protocol/messages.ts";
import type { NotedWait } from "./run-state.ts";
import { emit, record, type Turn, update, withEntry } from "./turn.ts";
import { unusualWaits, waitInWords } from "./unusual-waits.ts";
import { medianStepMs, type Wait } from "./waits.ts";

/** At first told of after this time more, then after twice as long as the wait has lasted. */
const ASK_AGAIN_MS = 500;

/**
 * Tells events.jsonl of unusual waits, of each kind by itself: when one becomes unusual, half a second later
 * with what the members say about it, then each time it has become twice as long. Asks them for whom they
 * wait when it is the exchange, whatever else is waited for.
 */
export function noteWaits(turn: Turn): void {
  const waits = unusualWaits(turn.state, turn.nowMs);
  const longest = waits.filter(({ kind }, i) => waits.findIndex((one) => one.kind === kind) === i);
  if (longest.length + turn.state.notedWaits.length === 0) return;
  const notedWaits = longest.map((wait) => noteWait(turn, wait));
  update(turn, { notedWaits });
}

/** Tells of a wait if it is time to. */
function noteWait(turn: Turn, wait: Wait): NotedWait {
  const { kind, sinceMs } = wait;
  const noted = turn.state.notedWaits.find((one) => one.kind === kind && one.sinceMs === sinceMs);
  if (noted !== undefined && turn.nowMs < noted.nextMs) return noted;
  recordWait(turn, wait);
  if (kind === "exchange") askForWaits(turn);
  const afterMs = noted === undefined ? ASK_AGAIN_MS : turn.nowMs - sinceMs;
  return { kind, sinceMs, nextMs: turn.nowMs + afterMs };
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
