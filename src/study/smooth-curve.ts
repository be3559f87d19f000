import { LOSS_BLOCK_STEPS } from "./study-results.ts";

/** Blocks of losses that are averaged for a point of a curve: 20 steps. */
const WINDOW_BLOCKS = 4;

/** A point of a run's smoothed training loss. */
export interface CurvePoint {
  /** The last step that the mean contains. */
  readonly step: number;
  readonly loss: number;
}

/** The running mean of a run's training losses over the last 20 steps. */
export function smoothCurve(losses: readonly number[]): readonly CurvePoint[] {
  return losses.slice(WINDOW_BLOCKS - 1).map((_, i) => {
    const window = losses.slice(i, i + WINDOW_BLOCKS);
    const loss = window.reduce((sum, value) => sum + value, 0) / WINDOW_BLOCKS;
    return { step: (i + WINDOW_BLOCKS) * LOSS_BLOCK_STEPS, loss };
  });
}

/**
 * The step at which a curve first comes down to a loss, between its points by a straight line.
 *
 * @returns undefined when it never does.
 */
export function stepsToReach(curve: readonly CurvePoint[], loss: number): number | undefined {
  const at = curve.findIndex((point) => point.loss <= loss);
  const reached = curve[at];
  if (reached === undefined) return undefined;
  const before = curve[at - 1];
  if (before === undefined) return reached.step;
  const part = (before.loss - loss) / (before.loss - reached.loss);
  return before.step + part * (reached.step - before.step);
}

/** The least loss of a curve up to a part of its steps, above 0 to 1. */
export function bestLoss(curve: readonly CurvePoint[], part: number): number {
  const numPoints = Math.max(1, Math.round(part * curve.length));
  return Math.min(...curve.slice(0, numPoints).map(({ loss }) => loss));
}
