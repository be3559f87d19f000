import { defined } from "../base/assert.ts";
import type { DigestReport } from "../protocol/messages.ts";
import { compareReports } from "./compare-reports.ts";
import { recordCommits } from "./record-commits.ts";
import { DIGEST_EVERY } from "./run-plan.ts";
import type { DigestRound, FailedSave, RunState } from "./run-state.ts";
import { emit, record, say, type Turn, update, withEntry, withoutValue } from "./turn.ts";

/** Whether a checkpoint at `step` is wanted by the plan. */
function isCheckpointStep({ plan }: RunState, step: number): boolean {
  return step === plan.steps || (plan.checkpointEvery > 0 && step % plan.checkpointEvery === 0);
}

/** Whether all replicas are compared after `step` updates. */
export function isDigestStep(state: RunState, step: number): boolean {
  return step % DIGEST_EVERY === 0 || isCheckpointStep(state, step);
}

/** Whether a checkpoint of the current step, or of a multiple passed since the last, is wanted. */
export function isCheckpointDue(state: RunState): boolean {
  const { plan, step, saved, saving, snapshot } = state;
  const newest = Math.max(saved.step, saving?.step ?? 0, failedStep(state), snapshot?.step ?? 0);
  if (newest >= step) return false;
  if (step === plan.steps || state.ending !== undefined) return true;
  const every = plan.checkpointEvery;
  return every > 0 && Math.floor(step / every) > Math.floor(newest / every);
}

/** The step whose checkpoint is not to be tried, since it has failed; 0: there is none. */
function failedStep({ failedSave }: RunState): number {
  return failedSave === undefined || failedSave.retry.type === "trying" ? 0 : failedSave.step;
}

/** Whether a checkpoint is being written that somebody waits for. */
export function isSaving({ saving }: RunState): boolean {
  return saving !== undefined && !saving.isGivenUp;
}

/** Snapshots that are on their way to joiners while a newer one is taken: each is a whole state. */
const LENT_SNAPSHOTS_MAX = 2;

/** Whether another snapshot can be asked for: the coordinator takes one at a time, and keeps few. */
export function isSnapshotFree(state: RunState): boolean {
  const { snapshot, workers, step, plan } = state;
  const isTaken = snapshot !== undefined && snapshot.digest === undefined;
  if (isSaving(state) || isTaken) return false;
  const lentSteps = [...workers.values()].flatMap(({ standing }) =>
    standing.type === "restoring" ? [standing.step] : [],
  );
  // The last checkpoint waits for no joiner.
  return new Set(lentSteps).size < LENT_SNAPSHOTS_MAX || step === plan.steps;
}

/**
 * Asks a member for the state of the current step, which it sends while it goes on: the commit that ends
 * the step travels behind this, so the member still holds that state when it hears of it.
 */
export function requestSnapshot(turn: Turn): void {
  const { step, members, trainLoss, validationLoss, evaluatedStep } = turn.state;
  const donorId = defined(members[0], "a member to give a snapshot");
  const known = { trainLoss, validationLoss, evaluatedStep };
  const snapshot = { step, donorId, sinceMs: turn.nowMs, digest: undefined, isSaved: false, known };
  update(turn, { snapshot });
  emit(turn, { type: "collect-snapshot", workerId: donorId, step });
  emit(turn, { type: "send", workerId: donorId, message: { type: "send-snapshot", step } });
}

/** The snapshot asked for is here. */
export function onSnapshot(turn: Turn, workerId: number, step: number, digest: string): void {
  const { snapshot } = turn.state;
  if (snapshot?.donorId !== workerId || snapshot.step !== step) return;
  update(turn, { snapshot: { ...snapshot, digest } });
  // Members may have compared a later step while it travelled.
  if (step >= (turn.state.agreed?.step ?? 0)) update(turn, { agreed: { step, digest } });
  saveSnapshot(turn);
}

/** Writes the snapshot as a checkpoint once all replicas have agreed on its digest. */
export function saveSnapshot(turn: Turn): void {
  const { snapshot, saving, saved } = turn.state;
  if (snapshot?.digest === undefined || snapshot.isSaved || saving !== undefined) return;
  if (snapshot.step <= Math.max(saved.step, failedStep(turn.state))) return;
  if (!isTrusted(turn.state, snapshot.step)) return;
  recordCommits(turn);
  const { step, digest: parameterDigest, known } = snapshot;
  update(turn, {
    snapshot: { ...snapshot, isSaved: true },
    saving: { step, digest: parameterDigest, sinceMs: turn.nowMs, isGivenUp: false },
  });
  const facts = { step, parameterDigest, ...known };
  emit(turn, { type: "save", step, facts });
}

/** Whether no comparison of digests after `step` updates is still open. */
export function isTrusted({ digests }: Pick<RunState, "digests">, step: number): boolean {
  return digests?.step !== step || digests.pending.size === 0;
}

/** A checkpoint is whole on disk. */
export function onSaved(turn: Turn, step: number): void {
  const { saving, failedSave } = turn.state;
  if (saving?.step !== step) return;
  update(turn, { saving: undefined });
  // The run did not wait for it, and has gone back further meanwhile: nobody holds that step now.
  if (step > turn.state.step) return;
  const isOver = failedSave !== undefined && failedSave.step <= step;
  update(turn, {
    saved: { step, digest: saving.digest },
    failedSave: isOver ? undefined : failedSave,
  });
  record(turn, { type: "checkpoint", step });
  say(turn, `Step ${step}: checkpoint written.`);
}

/** A checkpoint could not be written: the run goes on, unless it was to end with it. */
export function onSaveFailed(turn: Turn, step: number, code: string, message: string): void {
  const { saving, failedSave } = turn.state;
  if (saving?.step !== step) return;
  update(turn, { saving: undefined });
  const failure = { step, code, message, failedMs: turn.nowMs };
  const former = failedSave?.step === step ? failedSave : undefined;
  // It was told of when it was given up.
  if (saving.isGivenUp) return;
  if (former?.retry.type === "trying") {
    const { sinceMs } = former.retry;
    update(turn, { failedSave: { ...failure, retry: { type: "waiting", sinceMs } } });
    if (former.message === message) return;
  } else update(turn, { failedSave: { ...failure, retry: { type: "none" } } });
  tellOfFailure(turn, failure);
}

/** A checkpoint was not written. */
export function tellOfFailure(
  turn: Turn,
  { step, code, message }: Pick<FailedSave, "step" | "code" | "message">,
): void {
  record(turn, { type: "checkpoint-failed", step, code, message });
  say(turn, `Step ${step}: the checkpoint could not be written: ${code}: ${message}`, "warn");
}

/** Begins to compare the digests of all members after the current step's update. */
export function beginDigests(turn: Turn): void {
  const { step, members } = turn.state;
  const digests: DigestRound = {
    ...{ step, sinceMs: turn.nowMs },
    ...{ pending: new Set(members), reports: new Map() },
  };
  update(turn, { digests });
}

/** A member tells its digest. */
export function onDigest(turn: Turn, workerId: number, report: DigestReport): void {
  const { digests } = turn.state;
  if (digests?.step !== report.step || !digests.pending.has(workerId)) return;
  const { step } = digests;
  const pending = withoutValue(digests.pending, workerId);
  const reports = withEntry(digests.reports, workerId, report.digest);
  update(turn, { digests: { ...digests, pending, reports } });
  if (pending.size === 0) settleDigests(turn, step, reports);
}

/** Compares the reports: a dispute is left for `proceed`, which takes the odd ones out. */
function settleDigests(turn: Turn, step: number, reports: ReadonlyMap<number, string>): void {
  if (reports.size === 0) return;
  const { oddIds, majority } = compareReports(reports);
  const { snapshot } = turn.state;
  if (oddIds.length > 0) {
    // What a member of unknown honesty has sent must not become a checkpoint.
    if (snapshot?.step === step && !snapshot.isSaved) update(turn, { snapshot: undefined });
    update(turn, { dispute: { step, oddIds, majority, what: "parameters" } });
    return;
  }
  update(turn, { agreed: { step, digest: defined(majority, "the digest of all") } });
  record(turn, { type: "digest", step, digest: majority, workers: reports.size });
  saveSnapshot(turn);
}

/** A lost donor's snapshot is forgotten: the next step asks another. */
export function dropFromSnapshot(turn: Turn, workerId: number): void {
  const { snapshot } = turn.state;
  if (snapshot?.donorId === workerId && snapshot.digest === undefined) {
    update(turn, { snapshot: undefined });
  }
}

/** A lost member's digest is not waited for. */
export function dropFromDigests(turn: Turn, workerId: number): void {
  const { digests } = turn.state;
  if (!digests?.pending.has(workerId)) return;
  const pending = withoutValue(digests.pending, workerId);
  update(turn, { digests: { ...digests, pending } });
  if (pending.size === 0) settleDigests(turn, digests.step, digests.reports);
}
