import type { PeerLost } from "../protocol/messages.ts";
import { formFleet, loseWorkers } from "./membership.ts";
import type { Accusation, RunState } from "./run-state.ts";
import { nameOf, record, say, type Turn, update, withEntry } from "./turn.ts";

/**
 * So many times within `RECENT_MS` may a worker's word about lost links make all members link up again, or
 * cost one of them its place; from then on it is the first to be blamed for what it tells.
 */
const NUM_CAUSED_MAX = 6;
const RECENT_MS = 60_000;

/**
 * A member lost its link to another: noted, in case the coordinator does not see the loss itself. Said again
 * in the same generation it means nothing more.
 */
export function onPeerLost(turn: Turn, accuserId: number, message: PeerLost): void {
  const { generation, members, accusations } = turn.state;
  const { peerId: accusedId, reason } = message;
  const areMembers = members.includes(accuserId) && members.includes(accusedId);
  const isNew = !accusations.some(
    (one) => one.accuserId === accuserId && one.accusedId === accusedId,
  );
  if (message.generation !== generation || !areMembers || accusedId === accuserId || !isNew) {
    update(turn, { numStale: turn.state.numStale + 1 });
    return;
  }
  const isCall = isCalling(turn.state, accuserId) && accusedId < accuserId;
  const accusation: Accusation = { accuserId, accusedId, reason, isCall, sinceMs: turn.nowMs };
  update(turn, { accusations: [...accusations, accusation] });
  record(turn, { type: "peer-lost", accuserId, accusedId, reason });
}

/** Whether a member still links up: each calls those before it. */
function isCalling({ phase }: RunState, workerId: number): boolean {
  return phase.type === "linking" && phase.pending.has(workerId);
}

/**
 * A link between two members is gone, and both still talk to the coordinator. The first time since the
 * last commit all link up again, once both ends have told or must have seen it, unless one who tells of it has
 * made them do so too often; then the one to blame goes.
 */
export function settleAccusations(turn: Turn): void {
  const { accusations, plan, relinks, members, phase } = turn.state;
  const oldest = accusations[0];
  if (oldest === undefined || phase.type === "ended") return;
  const afterMs = turn.nowMs - oldest.sinceMs;
  const isTiresome = accusations.some(({ accuserId }) =>
    hasCausedTooMuch(turn.state, accuserId, turn.nowMs),
  );
  if (relinks === 0 && !isTiresome) {
    // A caller that has not noticed yet keeps its dead link, and would be alone to tell of it the next time.
    const isHalfTold = accusations.some((one) => isAlone(one, accusations));
    if (afterMs < (isHalfTold ? plan.limits.accusationMs : plan.limits.relinkMs)) return;
    noteCause(turn);
    relink(turn, `${nameOf(turn.state, oldest.accuserId)}: ${oldest.reason}`);
    return;
  }
  const isOpen = hasUnnamedLosses(turn.state);
  if (afterMs < (isOpen ? plan.limits.unnamedMs : plan.limits.accusationMs)) return;
  const blamedId = mostBlamed(turn.state, turn.nowMs);
  const broken = accusations.filter(
    ({ accusedId, accuserId }) => accusedId === blamedId || accuserId === blamedId,
  );
  const others = broken.map(({ accusedId, accuserId }) =>
    accusedId === blamedId ? accuserId : accusedId,
  );
  const why = broken[0]?.reason ?? oldest.reason;
  const reason = `has no link to ${new Set(others).size} of ${members.length - 1} other members: ${why}`;
  noteCause(turn);
  loseWorkers(turn, [blamedId], reason, "ERR_PEER_LOST");
}

/**
 * Whether members still link up whose missing links nobody has told of yet: calls that nobody answers take their
 * time, and who has made most of them must not be judged before.
 */
function hasUnnamedLosses({ phase, accusations }: RunState): boolean {
  if (phase.type !== "linking") return false;
  const named = new Set(accusations.flatMap((one) => [one.accuserId, one.accusedId]));
  return [...phase.pending].some((workerId) => !named.has(workerId));
}

/** The same members, linked afresh: the step is begun again. */
export function relink(turn: Turn, why: string): void {
  say(turn, `Step ${turn.state.step}: the members link up again (${why}).`, "warn");
  formFleet(turn, turn.state.members);
  update(turn, { relinks: turn.state.relinks + 1 });
}

/**
 * The member at an end of most broken links, whichever end told of it: one that can reach nobody blames
 * everybody. Of equals, the one whose word has cost too much lately; then the one that could not be called:
 * the address that leads nowhere is its own; then the one whose loss the other end has not noticed, though
 * a lost link has two ends. Of these, the one that came last.
 */
export function mostBlamed(state: RunState, nowMs: number): number {
  const { accusations } = state;
  const brokenWith = new Map<number, Set<number>>();
  const note = (one: number, other: number) =>
    brokenWith.set(one, (brokenWith.get(one) ?? new Set()).add(other));
  for (const { accusedId, accuserId } of accusations) {
    note(accusedId, accuserId);
    note(accuserId, accusedId);
  }
  const ranked = [...brokenWith].map(([workerId, { size }]) => ({
    workerId,
    weights: [
      size,
      Number(hasCausedTooMuch(state, workerId, nowMs)),
      accusations.filter(({ isCall, accusedId }) => isCall && accusedId === workerId).length,
      accusations.filter((one) => one.accuserId === workerId && isAlone(one, accusations)).length,
      workerId,
    ],
  }));
  return ranked.sort((a, b) => compareWeights(b.weights, a.weights))[0]?.workerId ?? -1;
}

/** Whether nobody else noticed the loss, where both ends should. */
function isAlone(
  { isCall, accuserId, accusedId }: Accusation,
  accusations: readonly Accusation[],
): boolean {
  return (
    !isCall &&
    !accusations.some((one) => one.accuserId === accusedId && one.accusedId === accuserId)
  );
}

/** By the first weight that differs. */
function compareWeights(a: readonly number[], b: readonly number[]): number {
  const index = a.findIndex((weight, i) => weight !== b[i]);
  return index === -1 ? 0 : (a[index] ?? 0) - (b[index] ?? 0);
}

/** Remembers of all who accuse now that something comes of it. */
function noteCause(turn: Turn): void {
  const { accusations, caused } = turn.state;
  let noted = caused;
  for (const accuserId of new Set(accusations.map((one) => one.accuserId))) {
    const times = [...(caused.get(accuserId) ?? []), turn.nowMs].slice(-NUM_CAUSED_MAX);
    noted = withEntry(noted, accuserId, times);
  }
  update(turn, { caused: noted });
}

function hasCausedTooMuch({ caused }: RunState, workerId: number, nowMs: number): boolean {
  const times = caused.get(workerId) ?? [];
  const [oldest] = times;
  return times.length === NUM_CAUSED_MAX && oldest !== undefined && nowMs - oldest < RECENT_MS;
}
