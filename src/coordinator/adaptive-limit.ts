import { medianOf } from "../base/median.ts";

/** Somebody is late after the median of the last times and so many of their median deviations. */
const LATE_IN_DEVIATIONS = 30;

/** Least deviation counted, as a part of the median: times that are alike must not make a trap. */
const LEAST_DEVIATION = 0.1;

/** What bounds a limit that adapts, in ms. */
export interface LimitBounds {
  /** Before there is a time to go by. */
  readonly firstMs: number;
  readonly leastMs: number;
}

/**
 * How long something may take: what the last times took and k median absolute deviations, where these are
 * known. Unlike a multiple of the median alone, it is narrow where times are alike and wide where not.
 */
export function adaptiveLimit(
  recentMs: readonly number[],
  { firstMs, leastMs }: LimitBounds,
): number {
  const median = medianOf(recentMs);
  if (median === undefined) return firstMs;
  const deviations = recentMs.map((ms) => Math.abs(ms - median));
  const deviation = Math.max(medianOf(deviations) ?? 0, LEAST_DEVIATION * median);
  return Math.max(leastMs, median + LATE_IN_DEVIATIONS * deviation);
}
