import type { Ready } from "../protocol/messages.ts";
import { nameOf, record, say, type Turn, update } from "./turn.ts";

/** What all members found in a step. */
export interface StepSums {
  readonly lossSum: number;
  readonly gradientNorm: number;
}

/**
 * Decides, once for all, what becomes of a step whose sum is not finite: it is skipped, with nothing
 * updated, or the run ends, when too many in a row were skipped.
 *
 * @returns whether it is skipped.
 */
export function judgeBadStep(turn: Turn, sums: StepSums): boolean {
  const { step, plan, skippedInARow, ready } = turn.state;
  const found = foundBy(turn, ready);
  const what = `loss sum ${sums.lossSum}, gradient norm ${sums.gradientNorm}: ${found.words}`;
  // JSON has neither NaN nor infinity.
  const told = { lossSum: String(sums.lossSum), gradientNorm: String(sums.gradientNorm) };
  const isSkipped = skippedInARow < plan.maxSkippedSteps;
  record(turn, { type: "not-finite", step, ...told, leaves: found.leaves, skipped: isSkipped });
  if (isSkipped) {
    const count = `${skippedInARow + 1} in a row, ${plan.maxSkippedSteps} allowed`;
    say(turn, `Step ${step} is skipped (${count}): ${what}.`, "warn");
    return true;
  }
  const before = skippedInARow === 0 ? "" : `, after ${skippedInARow} skipped in a row`;
  const message =
    `Step ${step} gave no finite gradient${before} (${what}). Nothing was updated with it, and the ` +
    "state before it was kept. Lower learningRate or gradientClip, or allow more with " +
    "maxSkippedSteps, and resume or continue from an earlier checkpoint.";
  const error = { code: "ERR_NOT_FINITE", message };
  update(turn, { ending: { status: "failed", error } });
  return false;
}

/** Whose leaves are to blame; nobody's, when only their sum is too large for f32. */
function foundBy({ state }: Turn, ready: ReadonlyMap<number, Ready>) {
  const leaves = [...ready].flatMap(([workerId, { badLeaf }]) =>
    badLeaf === undefined ? [] : [{ workerId, leaf: badLeaf }],
  );
  const names = leaves.map(({ workerId, leaf }) => `leaf ${leaf} of ${nameOf(state, workerId)}`);
  const words =
    names.length === 0 ? "each leaf is finite by itself" : `${names.join(", ")} is not finite`;
  return { leaves, words };
}
