import { compareReports } from "./compare-reports.ts";
import { goBack } from "./go-back.ts";
import { formFleet, loseWorkers } from "./membership.ts";
import type { Holding, Reunion } from "./run-state.ts";
import { emit, record, say, setStanding, type Turn, update, withEntry } from "./turn.ts";
import { numWorkersNeeded } from "./waits.ts";

/**
 * Brings a run whose workers have lost their coordinator to the step that they have reached.
 *
 * A commit is told only when all members hold the sum of its step, and only its being told lets a worker
 * update. So whoever holds a step more than the others, or the journal, proves that the step counts, and
 * those one behind hold its sum: they are told to catch up, where it is that of the generation in which
 * the step was committed. Then all that are level form the fleet; who is not, or comes later, is sent the
 * state, as any joiner. Nobody having come back, the checkpoint is taken.
 *
 * @returns whether the reunion is over: false while somebody is awaited.
 */
export function reunite(turn: Turn): boolean {
  const { reunion, saved } = turn.state;
  if (reunion === undefined) return true;
  const back = backOf(turn, reunion);
  const { reunionMs, regroupMs } = turn.state.plan.limits;
  const isLate = turn.nowMs - reunion.sinceMs >= reunionMs;
  if (back.size === 0) {
    // As long as nobody could begin from the checkpoint, nothing is lost by waiting on.
    if (!isLate || numFresh(turn) < numWorkersNeeded(turn.state)) return false;
    return abandonReunion(turn);
  }
  if (isAnyBusy(turn, back)) return false;
  const step = Math.max(...[...back.values()].map((held) => reachOf(held, reunion)));
  // A joiner that was not level counts for none of the members: the newest step is still to come. The
  // journal is ahead of every commit that was told, so with its step nothing is lost without the rest.
  const isAll = back.size >= reunion.journal.memberIds.length;
  const isEnough = isAll || turn.nowMs - reunion.cameMs >= regroupMs;
  if (!isLate && !(isEnough && step >= reunion.journal.step)) return false;
  if (step < saved.step) {
    // The checkpoint is better; a run that was under way goes on with who is left of it.
    update(turn, { hasBegun: true });
    return abandonReunion(turn);
  }
  if (sendLateCommits(turn, reunion, back, step) > 0) return false;
  const level = [...back].filter(([, held]) => held.step === step);
  const reports = new Map(level.map(([workerId, { digest }]) => [workerId, digest]));
  const { oddIds, majority } = compareReports(reports);
  if (majority === undefined || oddIds.length > 0) {
    const reason = `came back with other parameters after step ${step} than the majority`;
    loseWorkers(turn, oddIds, reason, "ERR_REPLICA_DIVERGED");
    return reunite(turn);
  }
  goOn(turn, reunion, { step, digest: majority, memberIds: level.map(([workerId]) => workerId) });
  return true;
}

/** Gives up those who may still come: the run goes back to its checkpoint. */
export function abandonReunion(turn: Turn): true {
  const { reunion, step, evaluatedStep } = turn.state;
  if (reunion === undefined) return true;
  update(turn, { reunion: undefined });
  const from = reunion.journal.step;
  if (from < step) noteGap(turn, from, step);
  if (from <= step) return true;
  goBack(turn, from, { step, evaluatedStep });
  say(turn, `No worker has kept step ${from}; the run goes back to step ${step}.`, "warn");
  return true;
}

/** Those who came back and are still here, with what they hold, unless the run has gone back from that. */
function backOf({ state }: Turn, { held, journal }: Reunion): ReadonlyMap<number, Holding> {
  const isVoid = (step: number) => step > journal.step && step <= state.voidThrough;
  return new Map(
    [...held].filter(([workerId, { step }]) => state.workers.has(workerId) && !isVoid(step)),
  );
}

function isAnyBusy(turn: Turn, back: ReadonlyMap<number, Holding>): boolean {
  return [...back.keys()].some(
    (workerId) => turn.state.workers.get(workerId)?.standing.type !== "prepared",
  );
}

/** Prepared workers that hold nothing of the run. */
function numFresh({ state }: Turn): number {
  return [...state.workers.values()].filter(({ standing }) => standing.type === "prepared").length;
}

/** The step that a worker has, or has as soon as it is told that the sum it holds counts. */
function reachOf(holding: Holding, reunion: Reunion): number {
  return holdsNewestSum(holding, reunion) ? holding.step + 1 : holding.step;
}

/**
 * Whether a worker holds the very sum with which the journal's newest step was committed. That of another
 * generation may have been rejected, after an audit or a dispute, or have other bits (`wire=bf16`).
 */
function holdsNewestSum({ step, sumGeneration }: Holding, { journal }: Reunion): boolean {
  return (
    sumGeneration !== undefined &&
    sumGeneration === journal.committedIn &&
    step + 1 === journal.step
  );
}

/** Lets those update who hold the sum of the step before `step`. Gives how many there are. */
function sendLateCommits(
  turn: Turn,
  reunion: Reunion,
  back: ReadonlyMap<number, Holding>,
  step: number,
): number {
  let held = reunion.held;
  for (const [workerId, holding] of back) {
    if (holding.step !== step - 1 || !holdsNewestSum(holding, reunion)) continue;
    emit(turn, { type: "send", workerId, message: { type: "late-commit", step: holding.step } });
    setStanding(turn, workerId, { type: "restoring", sinceMs: turn.nowMs, step });
    held = withEntry(held, workerId, { digest: holding.digest, step });
  }
  const numSent = [...back.keys()].filter((id) => held.get(id) !== reunion.held.get(id)).length;
  update(turn, { reunion: { ...reunion, held } });
  return numSent;
}

/** Everybody level is the fleet; the files are made to say what the workers hold. */
function goOn(
  turn: Turn,
  { journal }: Reunion,
  level: { readonly step: number; readonly digest: string; readonly memberIds: readonly number[] },
): void {
  const { step, digest, memberIds } = level;
  const { trainLoss, validationLoss } = journal;
  const evaluatedStep = Math.min(journal.evaluatedStep, step);
  update(turn, {
    ...{ reunion: undefined, step, assignedThrough: step, agreed: { step, digest } },
    ...{ trainLoss, validationLoss, evaluatedStep },
    committedIn: step === journal.step ? journal.committedIn : undefined,
  });
  record(turn, { type: "reunion", step, journalStep: journal.step, workers: memberIds });
  say(
    turn,
    `${memberIds.length} worker(s) came back with step ${step}; the run goes on from there.`,
  );
  if (step < journal.step) {
    goBack(turn, journal.step, { step, evaluatedStep });
  } else if (step > journal.step) {
    noteGap(turn, journal.step, step);
  }
  formFleet(turn, memberIds);
}

/**
 * Workers or checkpoint are ahead of the journal: a machine that lost power has forgotten what it wrote.
 */
function noteGap(turn: Turn, from: number, to: number): void {
  record(turn, { type: "journal-gap", from, to });
  const rows = `the metrics of the steps ${from + 1} to ${to} are missing`;
  say(turn, `The run is at step ${to}, its journal at ${from}: ${rows}.`, "warn");
}
