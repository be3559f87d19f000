import { assert } from "../base/assert.ts";
import { hash32 } from "../base/random.ts";

const NUM_ROUNDS = 8;
/** Below this, a Feistel network has too few bits to mix; walking a larger cycle is cheap. */
const BITS_MIN = 8;
/** Keeps the round keys apart from other uses of the same seeds ("PERM"). */
const KEY_DOMAIN = 0x5045524d;

/**
 * A keyed permutation of the integers [0, size): each seed list gives another order.
 *
 * A Feistel network of 8 rounds on the smallest domain of 2^bits ≥ size, walked on until it falls
 * below `size` (Black and Rogaway 2002, "cycle walking"): no table, no modulo bias, constant memory.
 *
 * @param size from 1 to 2^53.
 * @returns the image of an index, in a few hundred nanoseconds.
 */
export function keyedPermutation(
  size: number,
  seeds: readonly number[],
): (index: number) => number {
  assert(size >= 1 && size <= 2 ** 53, `a permutation of ${size} elements`);
  const bits = Math.max(BITS_MIN, bitLength(size - 1));
  const lowBits = bits >>> 1;
  const highBits = bits - lowBits;
  const keys = Array.from({ length: NUM_ROUNDS }, (_, round) =>
    hash32(KEY_DOMAIN, [...seeds, round]),
  );

  // The halves swap widths each round (an unbalanced network); 8 rounds bring them back.
  function encrypt(value: number): number {
    let [width, otherWidth] = [highBits, lowBits];
    let high = Math.floor(value / 2 ** lowBits);
    let low = value % 2 ** lowBits;
    for (const key of keys) {
      const mixed = (high ^ (hash32(key, [low]) >>> (32 - width))) >>> 0;
      [high, low] = [low, mixed];
      [width, otherWidth] = [otherWidth, width];
    }
    return high * 2 ** lowBits + low;
  }

  return (index) => {
    assert(index >= 0 && index < size, `index ${index} of a permutation of ${size}`);
    let image = encrypt(index);
    while (image >= size) image = encrypt(image);
    return image;
  };
}

/** Bits of a non-negative integer up to 2^53. */
function bitLength(value: number): number {
  const high = Math.floor(value / 2 ** 32);
  return high > 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(value);
}
