import { defined } from "../base/assert.ts";
import type { Computed, Ready } from "../protocol/messages.ts";
import { compareReports } from "./compare-reports.ts";
import { divideLeaves, noteLeafTimes } from "./divide-leaves.ts";
import { isEvaluationStep } from "./evaluation.ts";
import { auditsAt, passesAudit, warnOfNoAuditor } from "./judge-audits.ts";
import { divideAgain } from "./keep-shares.ts";
import { noteLateFrames } from "./late-frames.ts";
import { noteCommit } from "./record-commits.ts";
import { ASSIGNED_AHEAD, type RunPlan } from "./run-plan.ts";
import type { RunState } from "./run-state.ts";
import { judgeBadStep, type StepSums } from "./skip-step.ts";
import { beginDigests, isDigestStep } from "./snapshot.ts";
import { emit, type Turn, update, withEntry, withoutEntry } from "./turn.ts";

/** Steps whose times make the median and the shown speed. */
const NUM_RECENT_STEPS = 20;

/** Assigns the current step and the next, unless the fleet has to pause before. */
export function assignAhead(turn: Turn): void {
  const { step, members, generation } = turn.state;
  const end = Math.min(step + ASSIGNED_AHEAD, nextPause(turn.state));
  for (let next = turn.state.assignedThrough; next < end; next++) {
    warnOfNoAuditor(turn);
    const usual = divideLeaves(turn);
    const keep = next === turn.state.step && turn.state.kept.size > 0;
    const ranges = keep ? divideAgain(turn.state, usual) : usual;
    update(turn, { assigned: withEntry(turn.state.assigned, next, ranges) });
    const audits = auditsAt(turn.state, next);
    emit(turn, { type: "assign", generation, step: next, members, ranges, audits, keep });
  }
  const assignedThrough = Math.max(turn.state.assignedThrough, end);
  update(turn, { assignedThrough, phase: { type: "training" } });
}

/** The first boundary between steps at which everybody must have stopped computing. */
function nextPause({ plan, step, admission }: RunState): number {
  const evaluation = nextEvaluation(plan, step);
  const isAhead = admission !== undefined && admission.step > step;
  return isAhead ? Math.min(evaluation, admission.step) : evaluation;
}

function nextEvaluation(plan: RunPlan, step: number): number {
  const { evaluateEvery, steps } = plan;
  if (evaluateEvery === 0) return steps;
  const next = (Math.floor(step / evaluateEvery) + 1) * evaluateEvery;
  return isEvaluationStep(plan, next) ? Math.min(next, steps) : steps;
}

/** A member's leaves of the current step are done. */
export function onComputed(turn: Turn, workerId: number, message: Computed): void {
  const { generation, step, computed } = turn.state;
  if (message.generation !== generation || message.step !== step) {
    update(turn, { numStale: turn.state.numStale + 1 });
    return;
  }
  update(turn, { computed: new Set(computed).add(workerId) });
}

/**
 * A member holds the gradient sum of the current step. Once all do, the step is committed: the loss
 * and norm must be the same everywhere; where they are not finite, the step is skipped.
 */
export function onReady(turn: Turn, workerId: number, message: Ready): void {
  noteLateFrames(turn, message.lateFrames ?? 0);
  const { generation, step, members, phase, ending } = turn.state;
  const isCurrent = message.generation === generation && message.step === step;
  if (!isCurrent || !members.includes(workerId)) {
    update(turn, { numStale: turn.state.numStale + 1 });
    return;
  }
  const ready = withEntry(turn.state.ready, workerId, message);
  update(turn, { ready, computed: new Set(turn.state.computed).add(workerId) });
  // A run that is to end keeps the state of this step: there is no update any more.
  if (ready.size < members.length || phase.type !== "training" || ending !== undefined) return;
  judgeStep(turn, ready);
}

function judgeStep(turn: Turn, ready: ReadonlyMap<number, Ready>): void {
  if (!passesAudit(turn, ready)) return;
  const { step } = turn.state;
  const told = new Map(
    [...ready].map(([id, { lossSum, gradientNorm }]) => [id, `${lossSum} ${gradientNorm}`]),
  );
  const { oddIds, majority } = compareReports(told);
  if (oddIds.length > 0) {
    update(turn, { dispute: { step, oddIds, majority, what: "loss and gradient norm" } });
    return;
  }
  const { lossSum, gradientNorm } = defined([...ready.values()][0], "a member's word");
  const sums = { lossSum, gradientNorm };
  const isUsable = Number.isFinite(lossSum) && Number.isFinite(gradientNorm);
  if (isUsable || judgeBadStep(turn, sums)) commitStep(turn, sums, !isUsable);
}

/** Ends the step for all: with an update, or skipped. Either way its samples have had their turn. */
function commitStep(turn: Turn, { lossSum, gradientNorm }: StepSums, skip: boolean): void {
  const { state, nowMs } = turn;
  const reports = [...state.ready.values()];
  const { step, plan, members, generation } = state;
  noteCommit(turn);
  noteLeafTimes(turn, state.ready);
  const next = step + 1;
  // Joiners are compared with the members before they become some.
  const digest = isDigestStep(state, next) || state.admission?.step === next;
  const loss = lossSum / plan.tokensPerStep;
  const stepMs = nowMs - state.stepSinceMs;
  update(turn, {
    ...{ step: next, committedIn: generation, stepSinceMs: nowMs },
    ...{ relinks: 0, peerWaits: new Map() },
    trainLoss: skip ? state.trainLoss : loss,
    skippedInARow: skip ? state.skippedInARow + 1 : 0,
    ...{ computed: new Set(), ready: new Map(), assigned: withoutEntry(state.assigned, step) },
    kept: new Map(),
    recentStepMs: [...state.recentStepMs, stepMs].slice(-NUM_RECENT_STEPS),
    trainedMs: state.trainedMs + stepMs,
    trainedTokens: state.trainedTokens + plan.tokensPerStep,
  });
  const tokensPerSecond = (plan.tokensPerStep / Math.max(stepMs, 1e-3)) * 1000;
  // Written ahead: what a worker hears stands in the files, even if this process is killed in between.
  emit(turn, {
    type: "metrics",
    row: {
      ...{ step: next, loss, gradientNorm, tokens: plan.tokensPerStep },
      ...{ stepMs, tokensPerSecond, workers: members.length, ...(skip ? { skipped: true } : {}) },
      computeMs: Math.max(...reports.map((report) => report.computeMs)),
      exchangeMs: Math.min(...reports.map((report) => report.exchangeMs)),
    },
  });
  const donorId = state.replay?.donorId;
  if (donorId !== undefined) emit(turn, { type: "collect-sum", workerId: donorId, step });
  for (const workerId of members) {
    const sum = workerId === donorId;
    const asked = { digest, snapshot: false, sum };
    const message = { type: "commit", generation, step, ...asked, skip } as const;
    emit(turn, { type: "send", workerId, message });
  }
  if (digest) beginDigests(turn);
}
