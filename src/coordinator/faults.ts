import { assertNever } from "../base/assert.ts";
import type { PeerLost } from "../protocol/messages.ts";
import { formFleet, loseWorkers } from "./membership.ts";
import { noteWaits } from "./note-waits.ts";
import { endRun, tooFewWorkers } from "./proceed.ts";
import type { LocalExit } from "./run-events.ts";
import type { Accusation, RunState } from "./run-state.ts";
import { onSaveFailed } from "./snapshot.ts";
import { nameOf, record, say, type Turn, update } from "./turn.ts";
import { medianStepMs, type Wait, waitInWords, waitsOf } from "./waits.ts";

/** A member lost its link to another: noted, in case the coordinator does not see the loss itself. */
export function onPeerLost(turn: Turn, accuserId: number, message: PeerLost): void {
  const { generation, members, accusations } = turn.state;
  const accusedId = message.peerId;
  const isCurrent = message.generation === generation && members.includes(accuserId);
  if (!isCurrent || !members.includes(accusedId)) {
    update(turn, { numStale: turn.state.numStale + 1 });
    return;
  }
  const { reason } = message;
  const isCall = isCalling(turn.state, accuserId) && accusedId < accuserId;
  const accusation: Accusation = { accuserId, accusedId, reason, isCall, sinceMs: turn.nowMs };
  update(turn, { accusations: [...accusations, accusation] });
  record(turn, { type: "peer-lost", accuserId, accusedId, reason });
}

/** Whether a member still links up: each calls those before it. */
function isCalling({ phase }: RunState, workerId: number): boolean {
  return phase.type === "linking" && phase.pending.has(workerId);
}

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
  // One after another: what one changes, the next must see.
  for (;;) {
    const late = waitsOf(turn.state).find((wait) => turn.nowMs - wait.sinceMs >= wait.limitMs);
    if (late === undefined || turn.state.phase.type === "ended") return;
    const before = turn.state;
    onLate(turn, late);
    if (turn.state === before) return;
  }
}

/**
 * A link between two members is gone, and both still talk to the coordinator. The first time since the
 * last commit all link up again; then the one blamed by most goes.
 */
function settleAccusations(turn: Turn): void {
  const { accusations, plan, relinks, members, phase } = turn.state;
  const oldest = accusations[0];
  if (oldest === undefined || phase.type === "ended") return;
  const afterMs = turn.nowMs - oldest.sinceMs;
  if (relinks === 0) {
    if (afterMs < plan.limits.relinkMs) return;
    relink(turn, `${nameOf(turn.state, oldest.accuserId)}: ${oldest.reason}`);
    return;
  }
  if (afterMs < plan.limits.accusationMs) return;
  const blamedId = mostBlamed(accusations);
  const broken = accusations.filter(
    ({ accusedId, accuserId }) => accusedId === blamedId || accuserId === blamedId,
  );
  const others = broken.map(({ accusedId, accuserId }) =>
    accusedId === blamedId ? accuserId : accusedId,
  );
  const why = broken[0]?.reason ?? oldest.reason;
  const reason = `has no link to ${new Set(others).size} of ${members.length - 1} other members: ${why}`;
  loseWorkers(turn, [blamedId], reason, "ERR_PEER_LOST");
}

/**
 * The member at an end of most broken links, whichever end told of it: one that can reach nobody blames
 * everybody. Of equals, the one that could not be called: the address that leads nowhere is its own.
 * Of these, the one that came last.
 */
function mostBlamed(accusations: readonly Accusation[]): number {
  const brokenWith = new Map<number, Set<number>>();
  const note = (one: number, other: number) =>
    brokenWith.set(one, (brokenWith.get(one) ?? new Set()).add(other));
  for (const { accusedId, accuserId } of accusations) {
    note(accusedId, accuserId);
    note(accuserId, accusedId);
  }
  const callsTo = (id: number) =>
    accusations.filter(({ isCall, accusedId }) => isCall && accusedId === id).length;
  const ranked = [...brokenWith].sort(
    ([a, withA], [b, withB]) => withB.size - withA.size || callsTo(b) - callsTo(a) || b - a,
  );
  return ranked[0]?.[0] ?? -1;
}

/** The same members, linked afresh: the step is begun again. */
function relink(turn: Turn, why: string): void {
  say(turn, `Step ${turn.state.step}: the members link up again (${why}).`, "warn");
  formFleet(turn, turn.state.members);
  update(turn, { relinks: turn.state.relinks + 1 });
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
      onSaveFailed(
        turn,
        state.saving?.step ?? 0,
        "ERR_DEADLINE",
        `${words}; the disk does not answer`,
      );
      return;
    case "link":
    case "exchange":
      if (state.relinks === 0) relink(turn, words);
      else loseWorkers(turn, guiltyOf(state, wait), late(wait, nowMs), "ERR_DEADLINE");
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

/** Whom others blame; else everybody who is late. */
function guiltyOf({ accusations }: RunState, { workerIds }: Wait): readonly number[] {
  return accusations.length > 0 ? [mostBlamed(accusations)] : workerIds;
}

function late({ sinceMs, what }: Wait, nowMs: number): string {
  return `took more than ${((nowMs - sinceMs) / 1000).toFixed(1)} s ${what}`;
}
