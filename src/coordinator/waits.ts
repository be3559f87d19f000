import { assertNever } from "../base/assert.ts";
import { medianOf } from "../base/median.ts";
import { adaptiveLimit } from "./adaptive-limit.ts";
import { awaitedIds } from "./catch-up.ts";
import { diskWaits } from "./disk-waits.ts";
import type { RunState } from "./run-state.ts";
import { stateBytesOf } from "./state-bytes.ts";

/** Something that the run waits for, with whom to blame when it takes longer than `limitMs`. */
export interface Wait {
  readonly kind:
    | "gather"
    | "prepare"
    | "link"
    | "compute"
    | "exchange"
    | "evaluate"
    | "snapshot"
    | "sum"
    | "replay"
    | "admit"
    | "save"
    | "digest";
  /** Who is waited for; nobody in particular when empty. */
  readonly workerIds: readonly number[];
  readonly sinceMs: number;
  readonly limitMs: number;
  /** What the worker is to do, after its name: "to compute its leaves". */
  readonly what: string;
}

/** Everything that the run waits for at this moment. */
export function waitsOf(state: RunState): readonly Wait[] {
  return [
    ...phaseWaits(state),
    ...preparationWaits(state),
    ...evaluationWaits(state),
    ...storageWaits(state),
    ...replayWaits(state),
  ];
}

/** The median of the last steps' times; undefined before the first. */
export function medianStepMs({ recentStepMs }: RunState): number | undefined {
  return medianOf(recentStepMs);
}

function phaseWaits(state: RunState): readonly Wait[] {
  const { phase, plan } = state;
  const { limits } = plan;
  switch (phase.type) {
    case "gathering": {
      const what = gatherInWords(state);
      const { sinceMs } = phase;
      return [{ kind: "gather", workerIds: [], sinceMs, limitMs: limits.gatherMs, what }];
    }
    case "linking": {
      const { sinceMs, pending } = phase;
      const what = "to link to the other members";
      return [{ kind: "link", workerIds: [...pending], sinceMs, limitMs: limits.linkMs, what }];
    }
    case "training":
      return [stepWait(state)];
    case "admitting": {
      const { sinceMs } = phase;
      const workerIds = awaitedIds(state);
      if (workerIds.length === 0) return [];
      const what = "to catch up with the others";
      return [{ kind: "admit", workerIds, sinceMs, limitMs: limits.admitMs, what }];
    }
    case "evaluating":
    case "saving":
    case "ended":
      return [];
    default:
      return assertNever(phase);
  }
}

function gatherInWords(state: RunState): string {
  const { reunion, workers } = state;
  if (reunion === undefined) {
    return `${numWorkersNeeded(state)} worker(s) to be ready; ${workers.size} linked`;
  }
  const numBack = [...reunion.held.keys()].filter((workerId) => workers.has(workerId)).length;
  const { journal } = reunion;
  return (
    `${journal.memberIds.length} worker(s) to come back with step ${journal.step}; ${numBack} ` +
    `came, ${workers.size - numBack} new`
  );
}

function stepWait(state: RunState): Wait {
  const { stepSinceMs: sinceMs, computed, ready, members } = state;
  const limitMs = stepLimitMs(state);
  const computing = members.filter((workerId) => !computed.has(workerId));
  if (computing.length > 0) {
    return {
      kind: "compute",
      workerIds: computing,
      sinceMs,
      limitMs,
      what: "to compute its leaves",
    };
  }
  const named = mostAwaited(state);
  if (named !== undefined) return { kind: "exchange", sinceMs, limitMs, ...named };
  const workerIds = members.filter((workerId) => !ready.has(workerId));
  const isAudited = state.plan.audit.rate > 0;
  const what = `to hold the gradient sum${isAudited ? " and to end its audits" : ""}`;
  return { kind: "exchange", workerIds, sinceMs, limitMs, what };
}

/** How long a step may take, by what the last ones took. */
export function stepLimitMs({ recentStepMs, plan }: RunState): number {
  const { firstStepMs: firstMs, stepMsMin: leastMs } = plan.limits;
  return adaptiveLimit(recentStepMs, { firstMs, leastMs });
}

/**
 * How long a worker may take for a validation batch, by its own last ones: who is quick gets most of
 * them, and must not set the limit of who is slow. Its first one compiles.
 */
export function evaluationLimitMs({ batchMs, plan }: RunState, workerId: number): number {
  const { evaluationMs: firstMs, evaluationMsMin: leastMs } = plan.limits;
  return adaptiveLimit(batchMs.get(workerId) ?? [], { firstMs, leastMs });
}

/** The slowest network or disk that is waited for. */
const SLOWEST_BYTES_PER_MS = 1000;

/** How long the whole state may take to travel, or, with another least time, to be written. */
export function stateLimitMs({ layout, plan }: RunState, leastMs = plan.limits.stateMsMin): number {
  return leastMs + stateBytesOf(layout) / SLOWEST_BYTES_PER_MS;
}

/** The same where a member gives it, which may have a step and a validation batch to finish first. */
function memberLimitMs(state: RunState, workerIds: Iterable<number>): number {
  const isEvaluated = state.plan.numEvaluationBatches > 0;
  const busyMs = [...(isEvaluated ? workerIds : [])].map((id) => evaluationLimitMs(state, id));
  return stateLimitMs(state) + Math.max(stepLimitMs(state), ...busyMs);
}

/** For whom most of those who were asked wait; of equals, for the one who did not answer. */
function mostAwaited({ peerWaits, members }: RunState) {
  const waits = [...peerWaits.values()].flat().filter(({ peerId }) => members.includes(peerId));
  const counts = new Map<number, number>();
  for (const { peerId } of waits) counts.set(peerId, (counts.get(peerId) ?? 0) + 1);
  const isSilent = (peerId: number) => Number(!peerWaits.has(peerId));
  const [first] = [...counts].sort(
    ([a, byA], [b, byB]) => byB - byA || isSilent(b) - isSilent(a) || a - b,
  );
  const wait = waits.find(({ peerId }) => peerId === first?.[0]);
  return wait === undefined ? undefined : { workerIds: [wait.peerId], what: wait.what };
}

function preparationWaits(state: RunState): readonly Wait[] {
  const { prepareMs } = state.plan.limits;
  return [...state.workers].flatMap(([workerId, { standing }]): readonly Wait[] => {
    if (standing.type !== "preparing" && standing.type !== "restoring") return [];
    const [what, limitMs] =
      standing.type === "preparing"
        ? ["to prepare its engine", prepareMs]
        : ["to take the state it was sent", stateLimitMs(state)];
    const { sinceMs } = standing;
    return [{ kind: "prepare", workerIds: [workerId], sinceMs, limitMs, what }];
  });
}

function evaluationWaits(state: RunState): readonly Wait[] {
  const { evaluation, plan } = state;
  return [...(evaluation?.outstanding ?? [])].map(([batchIndex, { workerId, sinceMs }]) => ({
    kind: "evaluate",
    ...{ workerIds: [workerId], sinceMs, limitMs: evaluationLimitMs(state, workerId) },
    what: `to evaluate batch ${batchIndex + 1}/${plan.numEvaluationBatches}`,
  }));
}

function storageWaits(state: RunState): readonly Wait[] {
  const { snapshot, digests } = state;
  const waits: Wait[] = [];
  if (snapshot !== undefined && snapshot.digest === undefined) {
    const { donorId, sinceMs } = snapshot;
    const what = "to send its snapshot";
    const limitMs = memberLimitMs(state, [donorId]);
    waits.push({ kind: "snapshot", workerIds: [donorId], sinceMs, limitMs, what });
  }
  if (digests !== undefined && digests.pending.size > 0) {
    const { pending, sinceMs } = digests;
    const what = `to tell the digest of step ${digests.step}`;
    const limitMs = memberLimitMs(state, pending);
    waits.push({ kind: "digest", workerIds: [...pending], sinceMs, limitMs, what });
  }
  return [...waits, ...diskWaits(state, stateLimitMs(state, state.plan.limits.saveMsMin))];
}

/** What keeps joiners from coming nearer. */
function replayWaits(state: RunState): readonly Wait[] {
  const { replay, step, workers } = state;
  const waits = [...workers].flatMap(([workerId, { standing }]): readonly Wait[] => {
    if (standing.type !== "prepared" || standing.replayingSinceMs === undefined) return [];
    const what = `to do the update of step ${standing.step}`;
    const sinceMs = standing.replayingSinceMs;
    const limitMs = stateLimitMs(state);
    return [{ kind: "replay", workerIds: [workerId], sinceMs, limitMs, what }];
  });
  if (replay === undefined || replay.until >= step) return waits;
  const { donorId, until, sinceMs } = replay;
  const what = `to send the sum of step ${until}`;
  const limitMs = memberLimitMs(state, [donorId]);
  return [...waits, { kind: "sum", workerIds: [donorId], sinceMs, limitMs, what }];
}

/** Who must be prepared before a fleet is formed. */
export function numWorkersNeeded({ plan, hasBegun, isClosed, workers }: RunState): number {
  if (hasBegun) return 1;
  return isClosed ? Math.min(plan.minWorkers, workers.size) : plan.minWorkers;
}
