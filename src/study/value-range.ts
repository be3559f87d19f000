/** The mean of one value of each seed, from the lowest to the highest. */
export function rangeOf(values: readonly number[]) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { y: mean, low: Math.min(...values), high: Math.max(...values) };
}
