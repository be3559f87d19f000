/** How some numbers are spread, in buckets of equal width between their extremes. */
export interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly count: number;
  readonly sum: number;
  readonly sumOfSquares: number;
  /** Upper ends of the buckets, ascending. */
  readonly limits: readonly number[];
  readonly counts: readonly number[];
}

/** As many as TensorBoard shows. */
const NUM_BUCKETS = 30;

/** The histogram of some finite numbers, at least one. */
export function histogramOf(values: Float32Array): Histogram {
  let [min, max, sum, sumOfSquares] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (const value of values) {
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
    sumOfSquares += value * value;
  }
  // Numbers that are all the same have one bucket around them.
  const numBuckets = max > min ? NUM_BUCKETS : 1;
  const width = max > min ? (max - min) / numBuckets : 0;
  const counts = new Array<number>(numBuckets).fill(0);
  for (const value of values) {
    const bucket = width > 0 ? Math.min(numBuckets - 1, Math.floor((value - min) / width)) : 0;
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }
  const limits = counts.map((_, i) => (i === numBuckets - 1 ? max : min + (i + 1) * width));
  return { ...{ min, max, sum, sumOfSquares, limits, counts }, count: values.length };
}
