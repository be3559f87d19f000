import { assertNever } from "../base/assert.ts";
import type { Form, Linked } from "../protocol/messages.ts";
import { returnBatches } from "./evaluation.ts";
import { goBack } from "./go-back.ts";
import { holdingsOf } from "./holdings-of.ts";
import { sharesToKeep } from "./keep-shares.ts";
import { recordCommits } from "./record-commits.ts";
import { dropFromDigests, dropFromSnapshot } from "./snapshot.ts";
import { emit, nameOf, record, say, setStanding, type Turn, update, withoutEntry } from "./turn.ts";

/**
 * Makes `memberIds` the fleet of a new generation. Ends any step under way: it is assigned again, and
 * since nobody updates before a commit, its result is the same bits. Who stays keeps what it has computed.
 */
export function formFleet(turn: Turn, memberIds: readonly number[]): void {
  recordCommits(turn);
  const members = [...memberIds].sort((a, b) => a - b);
  for (const workerId of members) setStanding(turn, workerId, { type: "member" });
  const { state, nowMs } = turn;
  const generation = state.generation + 1;
  update(turn, {
    ...{ generation, members, hasBegun: true, assignedThrough: state.step },
    ...{ assigned: new Map(), kept: sharesToKeep(state, nowMs), division: undefined },
    ...{ computed: new Set(), ready: new Map(), accusations: [], peerWaits: new Map() },
    phase: { type: "linking", sinceMs: nowMs, pending: new Set(members) },
  });
  const places = members.map((workerId) => {
    const address = state.workers.get(workerId)?.address;
    const isReachable = state.plan.allReduce === "mesh" && address !== undefined;
    return isReachable ? { workerId, address } : { workerId };
  });
  // Written ahead, as commits are: a generation that was told is never given again.
  record(turn, { type: "generation", generation, step: state.step, members });
  const message: Form = { type: "form", generation, step: state.step, members: places };
  for (const workerId of members) emit(turn, { type: "send", workerId, message });
  if (generation > 1) {
    say(
      turn,
      `Generation ${generation}: ${members.length} worker(s) go on with step ${state.step}.`,
    );
  }
}

/** A member is linked to all others. Gives whether all are. */
export function onLinked(turn: Turn, workerId: number, { generation }: Linked): boolean {
  const { phase } = turn.state;
  if (phase.type !== "linking" || generation !== turn.state.generation) return false;
  const pending = new Set(phase.pending);
  pending.delete(workerId);
  update(turn, { phase: { ...phase, pending } });
  return pending.size === 0;
}

/**
 * Takes workers out, with a word to each when `code` is given. The survivors form a new fleet when a
 * member was among them.
 */
export function loseWorkers(
  turn: Turn,
  workerIds: readonly number[],
  reason: string,
  code?: string,
): void {
  const lost = workerIds.filter((workerId) => turn.state.workers.has(workerId));
  for (const workerId of lost) loseWorker(turn, workerId, reason, code);
  const { members } = turn.state;
  if (!lost.some((workerId) => members.includes(workerId))) return;
  const survivors = members.filter((workerId) => !lost.includes(workerId));
  if (survivors.length > 0) formFleet(turn, survivors);
  else loseFleet(turn, code === undefined);
}

function loseWorker(turn: Turn, workerId: number, reason: string, code?: string): void {
  const name = nameOf(turn.state, workerId);
  const { step } = turn.state;
  record(turn, { type: "lost", workerId, step, reason, ...(code === undefined ? {} : { code }) });
  say(turn, `Step ${step}: lost ${name}: ${reason}.`, "warn");
  if (code !== undefined) {
    const message = `Step ${step}: ${name} ${reason}.`;
    emit(turn, { type: "drop", workerId, reject: { type: "reject", code, message } });
  }
  const { workers, leafMs, batchMs, caused } = turn.state;
  const entry = workers.get(workerId);
  if (entry !== undefined) emit(turn, { type: "lost", name: entry.name });
  update(turn, {
    workers: withoutEntry(workers, workerId),
    leafMs: withoutEntry(leafMs, workerId),
    batchMs: withoutEntry(batchMs, workerId),
    caused: withoutEntry(caused, workerId),
  });
  returnBatches(turn, workerId);
  dropFromSnapshot(turn, workerId);
  dropFromDigests(turn, workerId);
}

/**
 * No member is left: waits for new workers, or, when their links have ended by themselves, for the same
 * ones to call again with what they hold.
 */
function loseFleet(turn: Turn, mayReturn: boolean): void {
  recordCommits(turn);
  const { nowMs } = turn;
  const { step, committedIn, voidThrough, members } = turn.state;
  const { trainLoss, validationLoss, evaluatedStep } = turn.state;
  const known = { step, committedIn, voidThrough, trainLoss, validationLoss, evaluatedStep };
  const journal = { ...known, memberIds: members };
  const isAwaited = mayReturn && turn.state.plan.canReunite && !turn.state.isClosed;
  const held = holdingsOf(turn.state);
  update(turn, {
    reunion: isAwaited ? { sinceMs: nowMs, cameMs: nowMs, journal, held } : undefined,
    ...{ members: [], evaluation: undefined, digests: undefined, accusations: [] },
    ...{ computed: new Set(), ready: new Map() },
    phase: { type: "gathering", sinceMs: nowMs },
  });
}

/** Without a fleet, goes back to the newest checkpoint, or to the seed. Not while one is written. */
export function rewind(turn: Turn): void {
  const { step, digest } = turn.state.saved;
  const { step: from, evaluatedStep } = turn.state;
  if (from === step) return;
  update(turn, {
    ...{ step, assignedThrough: step, evaluatedStep: Math.min(evaluatedStep, step) },
    agreed: digest === undefined ? undefined : { step, digest },
    committedIn: undefined,
    skippedInARow: 0,
  });
  goBack(turn, from, { step, evaluatedStep: Math.min(evaluatedStep, step) });
  say(turn, `The last worker is lost; the run goes back from step ${from} to ${step}.`, "warn");
}

/** Without a fleet, sends the current step's state to those who are prepared for another. */
export function restoreStragglers(turn: Turn): void {
  const { step } = turn.state;
  for (const [workerId, { standing }] of turn.state.workers) {
    switch (standing.type) {
      case "prepared":
        // Who updates by itself at the moment is sent nothing that would overwrite the parameters.
        if (standing.step === step || standing.replayingSinceMs !== undefined) break;
        setStanding(turn, workerId, { type: "restoring", sinceMs: turn.nowMs, step });
        emit(turn, { type: "send-state", workerId, step });
        break;
      case "restoring":
      case "preparing":
      case "member":
        break;
      default:
        assertNever(standing);
    }
  }
}
