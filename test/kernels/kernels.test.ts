import { describe, expect, test } from "vitest";
import { AssertionError } from "../../src/base/assert.ts";
import { seededRandom } from "../../src/base/random.ts";
import { Arena, arenaBytes } from "../../src/kernels/arena.ts";
import { type AdamWUpdate, attachKernels, createKernels } from "../../src/kernels/kernels.ts";
import {
  at,
  plainAdamW,
  plainBf16,
  plainFloat,
  plainSum,
  plainSumOfSquares,
} from "./plain-loops.ts";

/** Around the widths of lanes and groups, where the tail begins. */
const LENGTHS = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 1000, 1003];

/** Values on which rounding, underflow, overflow and NaN show. */
const ODD_VALUES = [0, -0, 1e-45, -1e-45, 1.1e-38, 3e-39, 1e-20, 1e20, 3.4e38, -3.4e38]
  .concat([1, 1 + 2 ** -23, 16777216, 0.1])
  .concat([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]);

const kernels = await createKernels({ bytes: 2 ** 20 });
const attached = await attachKernels(kernels.memory);

describe.each(LENGTHS)("on vectors of %i floats", (length) => {
  test("adds like a plain f32 loop", () => {
    const [a, b, destination] = vectors(length, 3);
    const expected = plainSum(a, b);
    kernels.addInto(destination, a, b);
    expect(destination).toEqual(expected);
    kernels.add(a, b);
    expect(a).toEqual(expected);
  });

  test("adds into its second operand", () => {
    const [a, b] = vectors(length, 2);
    const expected = plainSum(a, b);
    kernels.addInto(b, a, b);
    expect(b).toEqual(expected);
  });

  test("copies and scales like plain f32 loops", () => {
    const [a, b] = vectors(length, 2);
    kernels.copy(b, a);
    expect(b).toEqual(a);
    const factor = Math.fround(0.3);
    const expected = a.map((value) => value * factor);
    kernels.scale(a, 0.3);
    expect(a).toEqual(expected);
  });

  test("rounds to bf16 and widens again like plain loops", () => {
    const [a, b] = vectors(length, 2);
    const packed = new Uint16Array(b.buffer, b.byteOffset, length);
    kernels.packBf16(packed, a);
    expect([...packed]).toEqual([...a].map(plainBf16));
    kernels.unpackBf16(a, packed);
    expect([...a]).toEqual([...packed].map(plainFloat));
  });

  test("widens bf16 in place, from the second half of the floats", () => {
    const [a, b] = vectors(length, 2);
    const packed = new Uint16Array(b.buffer, b.byteOffset + 2 * length, length);
    kernels.packBf16(packed, a);
    const expected = [...packed].map(plainFloat);
    kernels.unpackBf16(b, packed);
    expect([...b]).toEqual(expected);
  });

  test("sums squares in f64, in the promised order", () => {
    const [a] = vectors(length, 1);
    for (let i = 0; i < length; i++) if (!Number.isFinite(a[i])) a[i] = 3.4e38;
    expect(kernels.sumOfSquares(a)).toBe(plainSumOfSquares(a));
  });

  test("updates parameters and moments like a plain f32 loop", () => {
    const update = adamWUpdate(length);
    const expected = plainAdamW(update);
    kernels.adamW(update);
    expect([update.parameters, update.firstMoments, update.secondMoments]).toEqual(expected);
  });

  test("writes nothing before or behind its vectors", () => {
    const arena = kernels.view(0, 4 * (length + 2)).fill(7);
    const inner = (i: number) => arena.subarray(i * (length + 2) + 1, (i + 1) * (length + 2) - 1);
    const [a, b, c, d] = [inner(0), inner(1), inner(2), inner(3)];
    kernels.addInto(a, b, c);
    kernels.copy(b, c);
    kernels.scale(c, 2);
    kernels.adamW({ ...adamWUpdate(0), ...moments(a, b, c, d) });
    const borders = [0, 1, 2, 3].flatMap((i) => [
      arena[i * (length + 2)],
      arena[(i + 1) * (length + 2) - 1],
    ]);
    expect(borders).toEqual(Array(8).fill(7));
  });
});

test("gives an element the same bits in a lane and in the tail", () => {
  const whole = adamWUpdate(999);
  const alone = [whole.parameters, whole.gradientSum, whole.firstMoments, whole.secondMoments].map(
    (vector, i) => {
      const copy = kernels.view(i * 2 ** 16, 999);
      copy.set(vector);
      return copy;
    },
  );
  kernels.adamW(whole);
  for (let i = 0; i < 999; i++) {
    const [a, b, c, d] = alone.map((vector) => vector.subarray(i, i + 1));
    if (a && b && c && d) kernels.adamW({ ...whole, ...moments(a, b, c, d) });
  }
  const expected = [whole.parameters, whole.gradientSum, whole.firstMoments, whole.secondMoments];
  expect(alone).toEqual(expected);
});

test("rounds ties to the even bf16, keeps NaN, and lets what is too large become infinite", () => {
  // By their bits: what is given, and the bf16 expected. In a lane and in the tail.
  const cases = [
    ["a tie below an even one", 0x3f808000, 0x3f80],
    ["a tie below an odd one", 0x3f818000, 0x3f82],
    ["a tie of a negative one", 0xbf818000, 0xbf82],
    ["just above a tie", 0x3f808001, 0x3f81],
    ["just below a tie", 0x3f817fff, 0x3f81],
    ["the smallest denormal", 0x00000001, 0x0000],
    ["a denormal that is a tie", 0x00018000, 0x0002],
    ["the largest denormal, to the smallest normal", 0x007fffff, 0x0080],
    ["minus zero", 0x80000000, 0x8000],
    ["the largest bf16", 0x7f7f0000, 0x7f7f],
    ["the largest float", 0x7f7fffff, 0x7f80],
    ["infinite", 0x7f800000, 0x7f80],
    ["minus infinite", 0xff800000, 0xff80],
    ["a NaN whose upper half says infinite", 0x7f800001, 0x7fc0],
    ["a NaN that rounding would carry over", 0xffffffff, 0xffff],
    ["an ordinary NaN", 0x7fc00000, 0x7fc0],
  ] as const;
  for (const [name, bits, expected] of cases) {
    const vector = kernels.view(0, 11);
    new Uint32Array(vector.buffer, vector.byteOffset, 11).fill(bits);
    const packed = new Uint16Array(vector.buffer, 64, 11);
    kernels.packBf16(packed, vector);
    expect([...packed], name).toEqual(Array(11).fill(expected));
    if (bits !== 0x7f800001) expect(plainBf16(at(vector, 0)), name).toBe(expected);
  }
});

test("keeps the sum of squares of the largest floats finite", () => {
  const vector = kernels.view(0, 1000).fill(3.4e38);
  expect(kernels.sumOfSquares(vector) / Math.fround(3.4e38) ** 2).toBeCloseTo(1000, 9);
});

test("shows a NaN anywhere in the sum of squares", () => {
  for (let i = 0; i < 19; i++) {
    const vector = kernels.view(0, 19).fill(1);
    vector[i] = Number.NaN;
    expect(kernels.sumOfSquares(vector)).toBeNaN();
  }
});

test("computes on the memory of the kernels it was attached to", () => {
  const here = kernels.view(4096, 5).fill(3);
  const there = attached.view(4096, 5);
  attached.add(there, there);
  expect([...here]).toEqual([6, 6, 6, 6, 6]);
});

test("refuses vectors of other memories and of other lengths", () => {
  const vector = kernels.view(0, 4);
  expect(() => kernels.add(vector, new Float32Array(4))).toThrow(AssertionError);
  expect(() => kernels.add(vector, kernels.view(64, 5))).toThrow(AssertionError);
});

describe("an arena", () => {
  test("hands out aligned vectors that do not overlap, and no more than it has", async () => {
    const lengths = [1, 16, 17, 1000, 3];
    const small = await createKernels({ bytes: arenaBytes(lengths) });
    const arena = new Arena(small);
    const handedOut = lengths.map((numFloats) => arena.floats(numFloats));
    for (const [i, vector] of handedOut.entries()) {
      expect(vector.byteOffset % 64).toBe(0);
      expect(vector.length).toBe(lengths[i]);
      vector.fill(i + 1);
    }
    for (const [i, vector] of handedOut.entries()) {
      expect(vector.every((value) => value === i + 1)).toBe(true);
    }
    expect(() => arena.floats(2 ** 16)).toThrow(AssertionError);
  });
});

/** Vectors side by side on the memory, filled by a fixed seed; every fifth value is an odd one. */
function vectors(length: number, count: 1): [Float32Array];
function vectors(length: number, count: 2): [Float32Array, Float32Array];
function vectors(length: number, count: 3): [Float32Array, Float32Array, Float32Array];
function vectors(length: number, count: number): Float32Array[] {
  const random = seededRandom(length, count);
  return Array.from({ length: count }, (_, i) => {
    const vector = kernels.view(i * 2 ** 16, length);
    for (let j = 0; j < length; j++) {
      const odd = ODD_VALUES[random.uint32() % ODD_VALUES.length] ?? 0;
      vector[j] = random.uint32() % 5 === 0 ? odd : random.normal();
    }
    return vector;
  });
}

function adamWUpdate(length: number): AdamWUpdate {
  const random = seededRandom(length);
  const vector = (i: number) => {
    const view = kernels.view(2 ** 19 + i * 2 ** 16, length);
    for (let j = 0; j < length; j++) {
      view[j] = j % 11 === 5 ? (ODD_VALUES[j % ODD_VALUES.length] ?? 0) : random.normal();
    }
    return view;
  };
  const secondMoments = vector(3);
  for (const [j, value] of secondMoments.entries()) secondMoments[j] = value * value;
  return {
    ...moments(vector(0), vector(1), vector(2), secondMoments),
    // Not much below 1, so that neither the old nor the new is lost in a moment.
    gradientScale: 1 / 3,
    numUpdates: 3,
    learningRate: 4e-4,
    beta1: 0.9,
    beta2: 0.99,
    epsilon: 1e-8,
    weightDecay: 0.1,
  };
}

function moments(
  parameters: Float32Array,
  gradientSum: Float32Array,
  firstMoments: Float32Array,
  secondMoments: Float32Array,
) {
  return { parameters, gradientSum, firstMoments, secondMoments };
}
