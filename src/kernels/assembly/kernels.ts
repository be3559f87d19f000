// The loops over the flat f32 vectors, in AssemblyScript (not TypeScript: types are those of WebAssembly).
//
// No globals are written, nothing is allocated and there is no data segment, so any number of threads
// may run these on one memory. WebAssembly's f32 and f64 operations are correctly rounded and never
// contracted into fused multiply-adds, so the results are the same bits on every machine. The last
// numFloats mod 4 elements take scalar operations in the same order as a lane, so an element's result
// does not depend on where in a vector it lies.

const FLOAT_BYTES: usize = 4;
const LANES_BYTES: usize = 16;

/** destination[i] = a[i] + b[i]; destination may be a or b. */
export function addInto(destination: usize, a: usize, b: usize, numFloats: usize): void {
  const end = destination + numFloats * FLOAT_BYTES;
  const endOfLanes = destination + (numFloats & ~3) * FLOAT_BYTES;
  while (destination < endOfLanes) {
    v128.store(destination, f32x4.add(v128.load(a), v128.load(b)));
    destination += LANES_BYTES;
    a += LANES_BYTES;
    b += LANES_BYTES;
  }
  while (destination < end) {
    store<f32>(destination, load<f32>(a) + load<f32>(b));
    destination += FLOAT_BYTES;
    a += FLOAT_BYTES;
    b += FLOAT_BYTES;
  }
}

/**
 * destination[i] = bf16(source[i]), the upper half of the f32 rounded to nearest, ties to even. A NaN
 * keeps its upper bits and becomes quiet: rounding could make it infinite.
 */
export function packBf16(destination: usize, source: usize, numFloats: usize): void {
  const end = source + numFloats * FLOAT_BYTES;
  const endOfGroups = source + (numFloats & ~7) * FLOAT_BYTES;
  while (source < endOfGroups) {
    const low = roundedHalves(v128.load(source));
    const high = roundedHalves(v128.load(source, 16));
    v128.store(destination, i16x8.narrow_i32x4_u(low, high));
    destination += LANES_BYTES;
    source += 2 * LANES_BYTES;
  }
  while (source < end) {
    const value = load<f32>(source);
    const bits = load<u32>(source);
    const half = value != value ? (bits >> 16) | 0x40 : (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    store<u16>(destination, <u16>half);
    destination += 2;
    source += FLOAT_BYTES;
  }
}

// @ts-ignore: decorator
@inline
function roundedHalves(values: v128): v128 {
  const halves = i32x4.shr_u(values, 16);
  const odd = v128.and(halves, i32x4.splat(1));
  const rounded = i32x4.shr_u(i32x4.add(i32x4.add(values, i32x4.splat(0x7fff)), odd), 16);
  const quiet = v128.or(halves, i32x4.splat(0x40));
  return v128.bitselect(quiet, rounded, f32x4.ne(values, values));
}

/**
 * destination[i] = source[i], bf16 widened. Runs upwards and reads each group before it writes it: the
 * source may be the second half of the destination's bytes.
 */
export function unpackBf16(destination: usize, source: usize, numFloats: usize): void {
  const end = destination + numFloats * FLOAT_BYTES;
  const endOfGroups = destination + (numFloats & ~7) * FLOAT_BYTES;
  while (destination < endOfGroups) {
    const halves = v128.load(source);
    v128.store(destination, i32x4.shl(i32x4.extend_low_i16x8_u(halves), 16));
    v128.store(destination, i32x4.shl(i32x4.extend_high_i16x8_u(halves), 16), 16);
    destination += 2 * LANES_BYTES;
    source += LANES_BYTES;
  }
  while (destination < end) {
    store<u32>(destination, <u32>load<u16>(source) << 16);
    destination += FLOAT_BYTES;
    source += 2;
  }
}

/** vector[i] *= factor. */
export function scale(vector: usize, factor: f32, numFloats: usize): void {
  const end = vector + numFloats * FLOAT_BYTES;
  const endOfLanes = vector + (numFloats & ~3) * FLOAT_BYTES;
  const factors = f32x4.splat(factor);
  while (vector < endOfLanes) {
    v128.store(vector, f32x4.mul(v128.load(vector), factors));
    vector += LANES_BYTES;
  }
  while (vector < end) {
    store<f32>(vector, load<f32>(vector) * factor);
    vector += FLOAT_BYTES;
  }
}

/**
 * The sum of vector[i]² in f64, in this order: element i of the whole groups of eight goes to lane
 * i mod 8; the lanes are added as ((0+2) + (4+6)) + ((1+3) + (5+7)); then the tail, one by one.
 *
 * The square of an f32 is exact in f64 and never overflows.
 */
export function sumOfSquares(vector: usize, numFloats: usize): f64 {
  const end = vector + numFloats * FLOAT_BYTES;
  const endOfGroups = vector + (numFloats & ~7) * FLOAT_BYTES;
  let lanes01 = f64x2.splat(0);
  let lanes23 = f64x2.splat(0);
  let lanes45 = f64x2.splat(0);
  let lanes67 = f64x2.splat(0);
  while (vector < endOfGroups) {
    const first = v128.load(vector);
    const second = v128.load(vector, 16);
    const square01 = f64x2.promote_low_f32x4(first);
    const square23 = f64x2.promote_low_f32x4(upperHalf(first));
    const square45 = f64x2.promote_low_f32x4(second);
    const square67 = f64x2.promote_low_f32x4(upperHalf(second));
    lanes01 = f64x2.add(lanes01, f64x2.mul(square01, square01));
    lanes23 = f64x2.add(lanes23, f64x2.mul(square23, square23));
    lanes45 = f64x2.add(lanes45, f64x2.mul(square45, square45));
    lanes67 = f64x2.add(lanes67, f64x2.mul(square67, square67));
    vector += 2 * LANES_BYTES;
  }
  const lanes = f64x2.add(f64x2.add(lanes01, lanes23), f64x2.add(lanes45, lanes67));
  let sum = f64x2.extract_lane(lanes, 0) + f64x2.extract_lane(lanes, 1);
  while (vector < end) {
    const value = <f64>load<f32>(vector);
    sum += value * value;
    vector += FLOAT_BYTES;
  }
  return sum;
}

// @ts-ignore: decorator
@inline
function upperHalf(lanes: v128): v128 {
  return v128.shuffle<u32>(lanes, lanes, 2, 3, 2, 3);
}

/**
 * One AdamW update of numFloats elements, in one pass:
 *
 *   g = gradientSum · gradientScale
 *   m = beta1 · m + (1 - beta1) · g
 *   v = beta2 · v + (1 - beta2) · g²
 *   p = p - (decay · p + rate · m / (√v · secondCorrection + epsilon))
 *
 * with decay = learning rate · weight decay, rate = learning rate / (1 - beta1^t) and
 * secondCorrection = 1 / √(1 - beta2^t), which the caller computes in f64. That is decay first, then
 * the Adam step, for the step does not depend on p; but p is rounded once instead of twice, and
 * 1 - decay, which for small rates has few significant digits in f32, is never formed.
 */
export function adamW(
  parameters: usize,
  gradientSum: usize,
  firstMoments: usize,
  secondMoments: usize,
  numFloats: usize,
  gradientScale: f32,
  beta1: f32,
  oneMinusBeta1: f32,
  beta2: f32,
  oneMinusBeta2: f32,
  rate: f32,
  secondCorrection: f32,
  epsilon: f32,
  decay: f32,
): void {
  const end = parameters + numFloats * FLOAT_BYTES;
  const endOfLanes = parameters + (numFloats & ~3) * FLOAT_BYTES;
  while (parameters < endOfLanes) {
    const g = f32x4.mul(v128.load(gradientSum), f32x4.splat(gradientScale));
    const m = f32x4.add(
      f32x4.mul(f32x4.splat(beta1), v128.load(firstMoments)),
      f32x4.mul(f32x4.splat(oneMinusBeta1), g),
    );
    const v = f32x4.add(
      f32x4.mul(f32x4.splat(beta2), v128.load(secondMoments)),
      f32x4.mul(f32x4.splat(oneMinusBeta2), f32x4.mul(g, g)),
    );
    v128.store(firstMoments, m);
    v128.store(secondMoments, v);
    const denominator = f32x4.add(
      f32x4.mul(f32x4.sqrt(v), f32x4.splat(secondCorrection)),
      f32x4.splat(epsilon),
    );
    const p = v128.load(parameters);
    const change = f32x4.add(
      f32x4.mul(f32x4.splat(decay), p),
      f32x4.div(f32x4.mul(f32x4.splat(rate), m), denominator),
    );
    v128.store(parameters, f32x4.sub(p, change));
    parameters += LANES_BYTES;
    gradientSum += LANES_BYTES;
    firstMoments += LANES_BYTES;
    secondMoments += LANES_BYTES;
  }
  while (parameters < end) {
    const g: f32 = load<f32>(gradientSum) * gradientScale;
    const m: f32 = beta1 * load<f32>(firstMoments) + oneMinusBeta1 * g;
    const v: f32 = beta2 * load<f32>(secondMoments) + oneMinusBeta2 * (g * g);
    store<f32>(firstMoments, m);
    store<f32>(secondMoments, v);
    const p = load<f32>(parameters);
    const change: f32 = decay * p + (rate * m) / (sqrt<f32>(v) * secondCorrection + epsilon);
    store<f32>(parameters, p - change);
    parameters += FLOAT_BYTES;
    gradientSum += FLOAT_BYTES;
    firstMoments += FLOAT_BYTES;
    secondMoments += FLOAT_BYTES;
  }
}
