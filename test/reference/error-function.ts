/**
 * erf in f64, by the series whose terms are all positive (Abramowitz & Stegun 7.1.6):
 *
 *     erf x = 2/√π · exp(−x²) · Σₙ 2ⁿ x^(2n+1) / (1 · 3 ⋯ (2n + 1))
 */
export function errorFunction(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x); // 1 − erf 6 is 2e-17.
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
