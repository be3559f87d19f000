import type { EngineDescription } from "./engine.ts";

/**
 * The largest distances from the float64 numbers that ordinary f32 arithmetic may have, from the
 * reference's README: several times the worst that independent implementations showed.
 */
export const TOLERANCES = {
  /** Largest |Δ| of any logit. */
  logits: 5e-5,
  /** |Δ| of the mean loss at step 0. */
  "loss 0": 5e-6,
  /** Largest |Δ| of the mean loss over all steps. */
  loss: 1e-4,
  /** Largest |Δ| / norm of the gradient norm before the clip, over all steps. */
  norm: 1e-4,
  /** Largest |Δ| of any element of the gradient, over the largest |g| of the model. */
  "grad max": 2e-5,
  /** Per tensor ‖Δ‖ / ‖g‖ of the gradient, the worst tensor. */
  "grad L2": 2e-5,
  /** Largest |Δ| / lr of the learning rate, over all steps. */
  "learning rate": 1e-6,
  /** Per tensor ‖final − stored final‖ / ‖stored final − initial‖, the worst tensor. */
  "update L2": 1e-2,
  /** Largest |final − stored final| of a bias of attention keys, over the sum of the learning rates. */
  "key bias": 1,
} as const;

/** What is compared. */
export type MeasureName = keyof typeof TOLERANCES;

/** The distance of one engine from one reference run, in one measure. */
export interface Measure {
  readonly name: MeasureName;
  readonly error: number;
  readonly tolerance: number;
  /** False for NaN as well. */
  readonly passed: boolean;
}

/** How far one tensor is off. */
export interface TensorErrors {
  readonly name: string;
  /** ‖Δ‖ / ‖g‖ at step 0; undefined where the exact gradient is zero. */
  readonly gradient: number | undefined;
  /** ‖final − stored final‖ / ‖stored final − initial‖; undefined where `gradient` is. */
  readonly update: number | undefined;
}

/** One engine against one reference folder. */
export interface Verification {
  readonly folder: string;
  readonly engine: EngineDescription;
  readonly numSteps: number;
  readonly measures: readonly Measure[];
  /** In layout order. */
  readonly tensors: readonly TensorErrors[];
  readonly passed: boolean;
}

/** Every engine against every folder. */
export interface VerificationReport {
  readonly verifications: readonly Verification[];
  readonly passed: boolean;
}
