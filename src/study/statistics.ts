/** A mean with its 95 % interval. */
export interface Estimate {
  readonly mean: number;
  /** Undefined with fewer than two values, which tell nothing of their spread. */
  readonly interval: readonly [low: number, high: number] | undefined;
  readonly count: number;
}

/**
 * Two-sided 95 % quantiles of Student's t for 1, 2, ... degrees of freedom (any table; for example
 * NIST/SEMATECH e-Handbook 1.3.6.7.2). Beyond, the normal distribution's is 2 % away at most.
 */
const T_QUANTILES = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145,
  2.131, 2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048,
  2.045, 2.042,
] as const;
const NORMAL_QUANTILE = 1.96;

/** Mean and 95 % interval of independent values, by Student's t. */
export function estimate(values: readonly number[]): Estimate {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count < 2) return { mean, interval: undefined, count };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  const quantile = T_QUANTILES[count - 2] ?? NORMAL_QUANTILE;
  const margin = quantile * Math.sqrt(variance / count);
  return { mean, interval: [mean - margin, mean + margin], count };
}

/** The estimate of a quantity whose logarithm was estimated. */
export function exponential({ mean, interval, count }: Estimate): Estimate {
  const bounds = interval && ([Math.exp(interval[0]), Math.exp(interval[1])] as const);
  return { mean: Math.exp(mean), interval: bounds, count };
}

/** A share k/n with its 95 % interval by Wilson's score, which is right near 0 and 1 too. */
export function share(numHits: number, count: number): Estimate {
  const z2 = NORMAL_QUANTILE ** 2;
  const mean = numHits / count;
  const middle = (numHits + z2 / 2) / (count + z2);
  const spread = Math.sqrt((mean * (1 - mean)) / count + z2 / (4 * count ** 2));
  const margin = (NORMAL_QUANTILE * spread) / (1 + z2 / count);
  return { mean, interval: [Math.max(0, middle - margin), Math.min(1, middle + margin)], count };
}
