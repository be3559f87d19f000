/** A stream of random numbers that depends on its seed alone. */
export interface Random {
  /** Uniform unsigned 32-bit integer. */
  uint32(): number;
  /** Uniform f64 in [0, 1), 53 random bits. */
  uniform(): number;
  /** Standard normal. */
  normal(): number;
  /** Fills a vector with normals of this deviation: the same numbers as by `normal`, in two thirds of the time. */
  fillNormal(vector: Float32Array, deviation: number): void;
}

/**
 * A seeded stream: SFC32 (Chris Doty-Humphrey, PractRand), its state filled by hashing the seeds.
 *
 * Integer arithmetic and correctly rounded operations alone, but for `Math.log` and `Math.cos` in
 * `normal` (Box-Muller), which V8 computes in software (fdlibm), the same on every machine.
 *
 * @param seeds any number of integers below 2^53; each different list gives another stream.
 */
export function seededRandom(...seeds: readonly number[]): Random {
  let [a, b, c] = [hash32(0x9e3779b9, seeds), hash32(0x243f6a88, seeds), hash32(0xb7e15162, seeds)];
  let counter = 1;
  let spareNormal: number | undefined;

  function uint32(): number {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  }
  for (let i = 0; i < 15; i++) uint32();

  const uniform = () => uniformOf(uint32(), uint32());
  function normal(): number {
    if (spareNormal !== undefined) {
      const spare = spareNormal;
      spareNormal = undefined;
      return spare;
    }
    const radius = radiusOf(uniform());
    const angle = 2 * Math.PI * uniform();
    spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }
  function fillNormal(vector: Float32Array, deviation: number): void {
    const before = spareNormal === undefined ? 0 : Math.min(1, vector.length);
    const pairs = vector.subarray(before, vector.length - ((vector.length - before) % 2));
    if (before === 1) vector[0] = deviation * normal();
    const draws = new Uint32Array(Math.min(DRAWS, 2 * pairs.length));
    for (let i = 0; i < pairs.length; i += DRAWS / 2) {
      const some = pairs.subarray(i, i + DRAWS / 2);
      const drawn = draws.subarray(0, 2 * some.length);
      for (let j = 0; j < drawn.length; j++) drawn[j] = uint32();
      fillPairs(some, drawn, deviation);
    }
    const end = before + pairs.length;
    if (end < vector.length) vector[end] = deviation * normal();
  }
  return { uint32, uniform, normal, fillNormal };
}

/** Integers drawn at once: they stay in a core's first cache. */
const DRAWS = 2048;

/** Uniform f64 in [0, 1) of two draws: 27 and 26 bits. */
function uniformOf(high: number, low: number): number {
  return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;
}

/** The radius of a pair of normals (Box-Muller). */
function radiusOf(uniform: number): number {
  return Math.sqrt(-2 * Math.log(1 - uniform));
}

/** Normals of four draws a pair. */
function fillPairs(pairs: Float32Array, draws: Uint32Array, deviation: number): void {
  for (let i = 0; i < pairs.length; i += 2) {
    const at = 2 * i;
    const radius = radiusOf(uniformOf(draws[at] as number, draws[at + 1] as number));
    const angle = 2 * Math.PI * uniformOf(draws[at + 2] as number, draws[at + 3] as number);
    pairs[i] = deviation * (radius * Math.cos(angle));
    pairs[i + 1] = deviation * (radius * Math.sin(angle));
  }
}

/** A well-mixed 32-bit hash of integers below 2^53 (the finalizer of MurmurHash3 over each half). */
export function hash32(start: number, values: readonly number[]): number {
  let hash = start | 0;
  for (const value of values) {
    hash = mix(hash ^ (value | 0));
    hash = mix((hash + 0x9e3779b9) ^ Math.floor(value / 2 ** 32));
  }
  return mix(hash) >>> 0;
}

function mix(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}
