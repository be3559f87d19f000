import type { Point } from "./figure.ts";

/** The points of a curve's running mean over `window` points. */
export function runningMean(points: readonly Point[], window: number): readonly Point[] {
  let sum = 0;
  return points.map(({ x, y }, i) => {
    sum += y - (points[i - window]?.y ?? 0);
    return { x, y: sum / Math.min(i + 1, window) };
  });
}
