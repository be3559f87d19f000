import { assert } from "../base/assert.ts";

/** The shape of an elementwise result: aligned at the last dimension, ones stretch. */
export function broadcastShape(a: readonly number[], b: readonly number[]): readonly number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const sizeA = a[i - rank + a.length] ?? 1;
    const sizeB = b[i - rank + b.length] ?? 1;
    assert(
      sizeA === sizeB || sizeA === 1 || sizeB === 1,
      `shapes [${a}] and [${b}] do not broadcast`,
    );
    return sizeA === 1 ? sizeB : sizeA;
  });
}
