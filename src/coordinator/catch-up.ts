import type { DigestReport } from "../protocol/messages.ts";
import { isEvaluationDue } from "./evaluation.ts";
import { formFleet, loseWorkers } from "./membership.ts";
import type { RunState, Standing } from "./run-state.ts";
import { isSnapshotFree, isTrusted, requestSnapshot } from "./snapshot.ts";
import { numParamsOf } from "./state-bytes.ts";
import { emit, nameOf, record, say, setStanding, type Turn, update } from "./turn.ts";

/** A joiner so few steps behind is waited for at the next boundary: a sum or two take no longer. */
const NEAR_STEPS = 2;

/** Sums kept for joiners may take this much memory, but for `REPLAYED_STEPS_MIN` that may always. */
const REPLAYED_BYTES_MAX = 64 * 2 ** 20;

/** Steps that a joiner of any size may be behind: with the state, 11 vectors of the model's size. */
const REPLAYED_STEPS_MIN = 8;

/** A worker that holds the parameters of a step and is no member: a joiner, once there is a fleet. */
interface Joiner {
  readonly workerId: number;
  readonly standing: Extract<Standing, { readonly type: "prepared" }>;
}

/**
 * Brings joiners up while the members go on: they get a snapshot, then the sum of every step committed
 * since, and do the same updates as everybody, with the same bits. Who is near is taken in at a boundary.
 *
 * Supply and admission stand together: both go by how far a joiner is behind.
 */
export function catchUp(turn: Turn): void {
  endReplayIfBroken(turn);
  const { state } = turn;
  const isOver = state.step >= state.plan.steps;
  if (isOver || !hasJoiners(state)) {
    endReplay(turn);
    return;
  }
  for (const joiner of joinersOf(state)) supply(turn, joiner);
  forgetSums(turn);
  planAdmission(turn);
}

/** Whether somebody holds, or is being sent, the state of some step and is no member yet. */
function hasJoiners({ workers }: RunState): boolean {
  return [...workers.values()].some(
    ({ standing: { type } }) => type === "prepared" || type === "restoring",
  );
}

function joinersOf({ workers }: RunState): readonly Joiner[] {
  return [...workers].flatMap(([workerId, { standing }]) =>
    standing.type === "prepared" ? [{ workerId, standing }] : [],
  );
}

/** Sums that only a lost member had cannot be had again; those that are here are good for ever. */
function endReplayIfBroken(turn: Turn): void {
  const { replay, members, step } = turn.state;
  if (replay === undefined || members.includes(replay.donorId)) return;
  const [donorId] = members;
  if (donorId === undefined || replay.until < step) endReplay(turn);
  else update(turn, { replay: { ...replay, donorId } });
}

/** Keeps no sums any more: nobody needs them, or they have a gap. */
export function endReplay(turn: Turn): void {
  if (turn.state.replay === undefined) return;
  update(turn, { replay: undefined });
  emit(turn, { type: "forget-sums", below: turn.state.step, isOver: true });
}

/** From the current step on, one member sends the sum of every step that is committed. */
function beginReplay(turn: Turn): void {
  const { replay, step, members } = turn.state;
  const [donorId] = members;
  if (replay !== undefined || donorId === undefined) return;
  update(turn, { replay: { donorId, from: step, until: step, sinceMs: turn.nowMs } });
}

/** Gives one joiner what it needs next, if that is here; else asks for it. */
function supply(turn: Turn, { workerId, standing }: Joiner): void {
  if (standing.replayingSinceMs !== undefined) return;
  const { step, replay, snapshot } = turn.state;
  if (standing.step === step) beginReplay(turn);
  else if (isCovered(turn.state, standing.step)) {
    if (standing.step < (replay?.until ?? 0)) {
      setStanding(turn, workerId, { ...standing, replayingSinceMs: turn.nowMs });
      emit(turn, { type: "send-sum", workerId, step: standing.step });
    }
  } else if (isBase(turn.state)) restore(turn, workerId);
  // On its way, or here and not compared with all members' digests yet: another would be no better.
  else if (snapshot?.step === step) beginReplay(turn);
  else if (isSnapshotFree(turn.state) && !isEvaluationDue(turn.state)) {
    beginReplay(turn);
    requestSnapshot(turn);
  }
}

/** Whether the sums of all updates from `joinerStep` to the members' step are here, or will be. */
function isCovered({ replay, step }: Covering, joinerStep: number): boolean {
  // A run that has lost all members goes back: then a joiner can be ahead of it.
  return replay !== undefined && replay.from <= joinerStep && joinerStep <= step;
}

type Covering = Pick<RunState, "replay" | "step">;

/** Whether the snapshot is here, and with it the sums of all steps since. */
function isBase(state: RunState): boolean {
  const { snapshot } = state;
  if (snapshot?.digest === undefined || !isCovered(state, snapshot.step)) return false;
  return isTrusted(state, snapshot.step);
}

function restore(turn: Turn, workerId: number): void {
  const { snapshot } = turn.state;
  if (snapshot === undefined) return;
  const { step } = snapshot;
  setStanding(turn, workerId, { type: "restoring", sinceMs: turn.nowMs, step });
  emit(turn, { type: "send-state", workerId, step });
  record(turn, { type: "catch-up", workerId, step });
}

/** Forgets the sums that nobody will ask for any more. */
function forgetSums(turn: Turn): void {
  const { replay, workers, snapshot, step } = turn.state;
  if (replay === undefined) return;
  let from = step;
  let needsSnapshot = false;
  for (const { standing } of workers.values()) {
    if (standing.type === "restoring") from = Math.min(from, standing.step);
    if (standing.type !== "prepared") continue;
    if (isCovered(turn.state, standing.step)) from = Math.min(from, standing.step);
    else needsSnapshot = true;
  }
  if (needsSnapshot && snapshot !== undefined && isCovered(turn.state, snapshot.step)) {
    from = Math.min(from, snapshot.step);
  }
  if (from <= replay.from) return;
  update(turn, { replay: { ...replay, from, until: Math.max(from, replay.until) } });
  emit(turn, { type: "forget-sums", below: from, isOver: false });
}

/** A committed step's sum is here. */
export function onSum(turn: Turn, workerId: number, step: number): void {
  const { replay } = turn.state;
  if (replay?.donorId !== workerId || replay.until !== step) return;
  update(turn, { replay: { ...replay, until: step + 1, sinceMs: turn.nowMs } });
}

/** A joiner has done one more update by itself. */
export function onReplayed(turn: Turn, workerId: number, { step, digest }: DigestReport): void {
  const standing = turn.state.workers.get(workerId)?.standing;
  if (standing?.type !== "prepared" || standing.replayingSinceMs === undefined) return;
  if (step !== standing.step + 1) return;
  setStanding(turn, workerId, { ...standing, step, digest, replayingSinceMs: undefined });
}

/** Sets the boundary at which joiners who are near become members, or all who cannot get nearer. */
function planAdmission(turn: Turn): void {
  const { admission, phase, step, assignedThrough, plan, workers } = turn.state;
  const isTraining = phase.type === "training" && assignedThrough > step;
  if (!isTraining || admission !== undefined || assignedThrough >= plan.steps) return;
  const workerIds = isTooFarBehind(turn.state)
    ? [...workers.keys()].filter((workerId) => isJoining(turn.state, workerId))
    : joinersOf(turn.state)
        .filter(({ standing }) => isNear(turn.state, standing.step))
        .map(({ workerId }) => workerId);
  if (workerIds.length === 0) return;
  update(turn, { admission: { step: assignedThrough, workerIds } });
  if (!isTooFarBehind(turn.state)) return;
  const names = workerIds.map((workerId) => nameOf(turn.state, workerId)).join(", ");
  const behind = step - (turn.state.replay?.from ?? step);
  record(turn, { type: "pause", step: assignedThrough, workerIds, behind });
  say(
    turn,
    `Step ${step}: ${names} cannot catch up (${behind} steps behind, ${maxStepsBehind(turn.state)} are ` +
      `kept): at step ${assignedThrough} the others wait.`,
    "warn",
  );
}

function isNear(state: RunState, joinerStep: number): boolean {
  return isCovered(state, joinerStep) && state.step - joinerStep <= NEAR_STEPS;
}

function isJoining({ workers }: RunState, workerId: number): boolean {
  const type = workers.get(workerId)?.standing.type;
  return type === "prepared" || type === "restoring";
}

function isTooFarBehind(state: RunState): boolean {
  const { replay, step } = state;
  return replay !== undefined && step - replay.from >= maxStepsBehind(state);
}

/** Sums that are kept: a joiner that needs more is waited for. */
export function maxStepsBehind({ layout }: Pick<RunState, "layout">): number {
  const bytes = 4 * (numParamsOf(layout) + 1);
  return Math.max(REPLAYED_STEPS_MIN, Math.floor(REPLAYED_BYTES_MAX / bytes));
}

/**
 * At a boundary: takes in who holds the parameters of this step, and waits for those who were promised
 * to be taken in here. Nobody gets leaves whose digest is not that of the members.
 *
 * @returns whether the fleet has to wait, or has changed.
 */
export function admit(turn: Turn): boolean {
  const { step, admission, digests, initialDigest, agreed } = turn.state;
  const isPromised = admission?.step === step;
  if (isPromised && (isAwaited(turn.state) || !isTrusted({ digests }, step))) {
    if (turn.state.phase.type !== "admitting") {
      update(turn, { phase: { type: "admitting", sinceMs: turn.nowMs } });
    }
    return true;
  }
  if (isPromised) update(turn, { admission: undefined });
  const expected = step === 0 ? initialDigest : agreed?.step === step ? agreed.digest : undefined;
  // Nobody was compared at this step: then a later boundary is found for them.
  if (expected === undefined) return false;
  const level = joinersOf(turn.state).filter(({ standing }) => isLevel(standing, step));
  for (const { workerId, standing } of level) {
    if (standing.digest === expected) continue;
    const reason =
      `has parameters ${standing.digest} after step ${step}, the others have ${expected}; compare ` +
      "engines and versions on both hosts";
    loseWorkers(turn, [workerId], reason, "ERR_REPLICA_DIVERGED");
  }
  const welcome = level.filter(({ standing }) => standing.digest === expected);
  if (welcome.length === 0 || step === turn.state.plan.steps) return false;
  formFleet(turn, [...turn.state.members, ...welcome.map(({ workerId }) => workerId)]);
  return true;
}

/** Whether somebody who was promised to be taken in at this boundary is still behind. */
function isAwaited(state: RunState): boolean {
  return awaitedIds(state).length > 0;
}

/** Who was promised to be taken in at this boundary and is still behind. */
export function awaitedIds({ admission, step, workers }: RunState): readonly number[] {
  if (admission?.step !== step) return [];
  return admission.workerIds.filter((workerId) => {
    const standing = workers.get(workerId)?.standing;
    if (standing?.type === "restoring") return true;
    return standing?.type === "prepared" && !isLevel(standing, step);
  });
}

/** Whether a joiner holds the parameters of `step`, and is not just about to leave them behind. */
function isLevel({ step, replayingSinceMs }: Joiner["standing"], fleetStep: number): boolean {
  return step === fleetStep && replayingSinceMs === undefined;
}
