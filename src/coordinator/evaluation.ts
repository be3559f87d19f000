import type { Evaluated } from "../protocol/messages.ts";
import { EVALUATIONS_PER_WORKER, type RunPlan } from "./run-plan.ts";
import type { Evaluation, RunState } from "./run-state.ts";
import { emit, record, say, type Turn, update, withEntry, withoutEntry } from "./turn.ts";

/** A worker's batches whose times are kept. */
const NUM_RECENT_BATCHES = 20;

/** Whether the validation loss after `step` updates is wanted: at the end, and every so often. */
export function isEvaluationStep(plan: RunPlan, step: number): boolean {
  if (plan.numEvaluationBatches === 0 || step === 0) return false;
  return step === plan.steps || (plan.evaluateEvery > 0 && step % plan.evaluateEvery === 0);
}

/** Whether the validation loss of the current step is wanted and not there yet. */
export function isEvaluationDue({ plan, step, evaluatedStep }: RunState): boolean {
  return isEvaluationStep(plan, step) && evaluatedStep < step;
}

/** Begins the evaluation of the current step, or goes on with it after a change of the fleet. */
export function evaluate(turn: Turn): void {
  if (turn.state.evaluation === undefined) {
    const evaluationId = turn.state.evaluationId + 1;
    const evaluation: Evaluation = {
      ...{ evaluationId, sinceMs: turn.nowMs, nextBatch: 0, returned: [] },
      ...{ outstanding: new Map(), early: new Map(), numSummed: 0, lossSum: 0 },
    };
    update(turn, { evaluation, evaluationId });
  }
  update(turn, { phase: { type: "evaluating" } });
  // In rounds, so that the first batches of a small validation part go to all members.
  for (let round = 0; round < EVALUATIONS_PER_WORKER; round++) {
    for (const workerId of turn.state.members) giveBatch(turn, workerId);
  }
}

/** Gives a member its next batch, if it has room and there is one. */
function giveBatch(turn: Turn, workerId: number): void {
  const { evaluation, plan } = turn.state;
  if (evaluation === undefined) return;
  const held = [...evaluation.outstanding.values()].filter((one) => one.workerId === workerId);
  if (held.length >= EVALUATIONS_PER_WORKER) return;
  const { returned, nextBatch, outstanding, evaluationId } = evaluation;
  const batchIndex = returned[0] ?? nextBatch;
  if (batchIndex >= plan.numEvaluationBatches) return;
  const next = returned.length > 0 ? { returned: returned.slice(1) } : { nextBatch: nextBatch + 1 };
  const entry = { workerId, sinceMs: turn.nowMs };
  update(turn, {
    evaluation: { ...evaluation, ...next, outstanding: withEntry(outstanding, batchIndex, entry) },
  });
  emit(turn, { type: "evaluate", workerId, evaluationId, batchIndex });
}

/** Takes a batch's loss sum. Gives whether the evaluation has ended with it. */
export function onEvaluated(turn: Turn, workerId: number, message: Evaluated): boolean {
  const { evaluation, plan } = turn.state;
  const { batchIndex, lossSum } = message;
  const given = evaluation?.outstanding.get(batchIndex);
  const isAwaited =
    message.evaluationId === evaluation?.evaluationId && given?.workerId === workerId;
  if (evaluation === undefined || given === undefined || !isAwaited) {
    update(turn, { numStale: turn.state.numStale + 1 });
    return false;
  }
  const outstanding = withoutEntry(evaluation.outstanding, batchIndex);
  const summed = sumInOrder({ ...evaluation, outstanding }, batchIndex, lossSum);
  const { batchMs } = turn.state;
  const times = [...(batchMs.get(workerId) ?? []), turn.nowMs - given.sinceMs];
  update(turn, {
    evaluation: summed,
    batchMs: withEntry(batchMs, workerId, times.slice(-NUM_RECENT_BATCHES)),
  });
  if (summed.numSummed < plan.numEvaluationBatches) {
    if (turn.state.phase.type === "evaluating") giveBatch(turn, workerId);
    return false;
  }
  finishEvaluation(turn, summed);
  return true;
}

/** Adds results in the order of the batches, whichever came first: the same bits for any fleet. */
function sumInOrder(evaluation: Evaluation, batchIndex: number, value: number): Evaluation {
  const early = new Map(evaluation.early).set(batchIndex, value);
  let { numSummed, lossSum } = evaluation;
  for (;;) {
    const next = early.get(numSummed);
    if (next === undefined) return { ...evaluation, early, numSummed, lossSum };
    early.delete(numSummed);
    lossSum += next;
    numSummed += 1;
  }
}

function finishEvaluation(turn: Turn, { lossSum, sinceMs }: Evaluation): void {
  const { step, plan } = turn.state;
  const validationLoss = lossSum / plan.evaluationTokens;
  update(turn, { evaluation: undefined, evaluatedStep: step, validationLoss });
  emit(turn, { type: "metrics", row: { step, validationLoss } });
  const ms = Math.round(turn.nowMs - sinceMs);
  record(turn, {
    type: "evaluation",
    step,
    validationLoss,
    batches: plan.numEvaluationBatches,
    ms,
  });
  say(turn, `Step ${step}: validation loss ${validationLoss.toFixed(4)}.`);
}

/** Puts the batches of a lost worker back into the queue. */
export function returnBatches(turn: Turn, workerId: number): void {
  const { evaluation } = turn.state;
  if (evaluation === undefined) return;
  const held = [...evaluation.outstanding].filter(([, one]) => one.workerId === workerId);
  if (held.length === 0) return;
  const outstanding = new Map(evaluation.outstanding);
  for (const [batchIndex] of held) outstanding.delete(batchIndex);
  const returned = [...evaluation.returned, ...held.map(([batchIndex]) => batchIndex)];
  update(turn, { evaluation: { ...evaluation, outstanding, returned } });
}
