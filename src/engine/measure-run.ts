import type { TensorPlace } from "../base/tensor-place.ts";
import type { ReferenceRun } from "./reference-folder.ts";
import type { RunResults } from "./run-reference.ts";
import {
  type Measure,
  type MeasureName,
  type TensorErrors,
  TOLERANCES,
  type Verification,
} from "./verification-report.ts";

/** The distances of `results` from the reference, and whether each is within its tolerance. */
export function measureRun(
  reference: ReferenceRun,
  results: RunResults,
): Pick<Verification, "measures" | "tensors" | "passed"> {
  const tensors = reference.layout.tensors.map((place) => tensorErrors(place, reference, results));
  const keyBias = keyBiasError(reference, results);
  const measures = [
    measure("logits", worstDistance(results.logits, reference.logits)),
    measure("loss 0", worstDistance(results.losses.slice(0, 1), reference.losses.slice(0, 1))),
    measure("loss", worstDistance(results.losses, reference.losses)),
    measure("norm", worstRatio(results.gradientNorms, reference.gradientNorms)),
    measure("grad max", worstDistance(results.gradient, reference.gradient) / largest(reference)),
    measure("grad L2", worst(tensors.map(({ gradient }) => gradient ?? 0))),
    measure("learning rate", worstRatio(results.learningRates, reference.learningRates)),
    measure("update L2", worst(tensors.map(({ update }) => update ?? 0))),
    ...(keyBias === undefined ? [] : [measure("key bias", keyBias)]),
  ];
  return { measures, tensors, passed: measures.every(({ passed }) => passed) };
}

function measure(name: MeasureName, error: number): Measure {
  const tolerance = TOLERANCES[name];
  return { name, error, tolerance, passed: error <= tolerance };
}

function tensorErrors(
  place: TensorPlace,
  reference: ReferenceRun,
  results: RunResults,
): TensorErrors {
  const part = (vector: Float32Array) => vector.subarray(place.offset, place.offset + place.length);
  const gradient = part(reference.gradient);
  if (isKeyBias(place) || gradient.every((slope) => slope === 0)) {
    return { name: place.name, gradient: undefined, update: undefined };
  }
  const [initial, final] = [part(reference.initialParameters), part(reference.finalParameters)];
  return {
    name: place.name,
    gradient: quotient(distanceL2(part(results.gradient), gradient), lengthL2(gradient)),
    update: quotient(
      distanceL2(part(results.finalParameters), final),
      // A tensor that does not move at a rate of zero has only rounding to show.
      Math.max(distanceL2(final, initial), F32_EPSILON * lengthL2(initial)),
    ),
  };
}

const F32_EPSILON = 2 ** -23;

/**
 * Adding a constant to all keys moves all scores of a query alike, so in the dimensions without
 * rotation the exact gradient is zero, and what f32 gives there is noise, which Adam makes into steps
 * of up to the learning rate. The loss does not depend on it.
 */
function isKeyBias({ name }: TensorPlace): boolean {
  return name.endsWith(".attn.key.bias");
}

/** The worst of all key biases in units of how far Adam can have moved them; undefined without any. */
function keyBiasError(reference: ReferenceRun, results: RunResults): number | undefined {
  const places = reference.layout.tensors.filter(isKeyBias);
  if (places.length === 0) return undefined;
  const reach = reference.learningRates.reduce((sum, rate) => sum + rate, 0);
  const errors = places.map(({ offset, length }) => {
    const part = (vector: Float32Array) => vector.subarray(offset, offset + length);
    return worstDistance(part(results.finalParameters), part(reference.finalParameters));
  });
  return quotient(worst(errors), reach);
}

function largest({ gradient }: ReferenceRun): number {
  return gradient.reduce((max, slope) => Math.max(max, Math.abs(slope)), 0);
}

function worstDistance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  return worst(Array.from(expected, (value, i) => Math.abs((actual[i] ?? Number.NaN) - value)));
}

function worstRatio(actual: readonly number[], expected: readonly number[]): number {
  const ratio = (value: number, i: number) =>
    quotient(Math.abs((actual[i] ?? Number.NaN) - value), Math.abs(value));
  return worst(expected.map(ratio));
}

/** The largest, or NaN where any is: a NaN must not hide behind a number. */
function worst(errors: readonly number[]): number {
  return errors.reduce((max, error) => (error > max || Number.isNaN(error) ? error : max), 0);
}

/** `error / size`, where no error of nothing is none. */
function quotient(error: number, size: number): number {
  return error === 0 ? 0 : error / size;
}

/** NaN when `actual` is too short. */
function distanceL2(actual: Float32Array, expected: Float32Array): number {
  const squares = (sum: number, value: number, i: number) =>
    sum + ((actual[i] ?? Number.NaN) - value) ** 2;
  return Math.sqrt(expected.reduce(squares, 0));
}

function lengthL2(vector: Float32Array): number {
  return Math.sqrt(vector.reduce((sum, value) => sum + value ** 2, 0));
}
