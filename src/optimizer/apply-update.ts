import { TrainerError } from "../base/errors.ts";
import type { TensorPlace } from "../base/tensor-place.ts";
import type { TrainingConfiguration } from "../configuration/configuration.ts";
import type { Kernels } from "../kernels/kernels.ts";
import { learningRateAt } from "./learning-rate.ts";

/** A training state on the kernels' memory, and the gradient that moves it. */
export interface Update {
  readonly kernels: Kernels;
  /** In order of offset, without gaps: together the whole vector. */
  readonly layout: readonly TensorPlace[];
  /** f32[numParams], updated. */
  readonly parameters: Float32Array;
  /** f32[numParams]: gradient of the loss summed over `numTokens` tokens; not changed. */
  readonly gradientSum: Float32Array;
  /** f32[numParams], updated; zeros before the first step. */
  readonly firstMoments: Float32Array;
  /** f32[numParams], updated; zeros before the first step. */
  readonly secondMoments: Float32Array;
  /** Updates done before: 0 is the first. */
  readonly step: number;
  readonly numTokens: number;
  /** Of the mean gradient, before the clip: `gradientNormOf`. */
  readonly gradientNorm: number;
  readonly training: TrainingConfiguration;
}

/**
 * One optimizer step: mean over tokens, clip by the global norm, decoupled decay, AdamW.
 *
 *   g = gradientSum / numTokens · min(1, gradientClip / (gradientNorm + 1e-6))
 *
 * The rest is `Kernels.adamW`, at the rate of `learningRateAt`. Same inputs give the same bits on every
 * machine.
 *
 * @throws {TrainerError} ERR_NOT_FINITE when the norm is NaN or infinite: then nothing has changed.
 */
export function applyUpdate(update: Update): void {
  const { kernels, layout, step, numTokens, gradientNorm, training } = update;
  if (!Number.isFinite(gradientNorm)) {
    throw new TrainerError(
      "ERR_NOT_FINITE",
      `The gradient of step ${step} has the norm ${gradientNorm}: training has diverged. ` +
        "Continue from an earlier checkpoint with a lower learningRate, more warmupSteps or a " +
        "smaller gradientClip.",
    );
  }
  const clipFactor = Math.min(1, training.gradientClip / (gradientNorm + 1e-6));
  const { beta1, beta2, epsilon, weightDecay } = training;
  for (const { start, end, decays } of runsOf(layout)) {
    kernels.adamW({
      parameters: update.parameters.subarray(start, end),
      gradientSum: update.gradientSum.subarray(start, end),
      firstMoments: update.firstMoments.subarray(start, end),
      secondMoments: update.secondMoments.subarray(start, end),
      gradientScale: clipFactor / numTokens,
      numUpdates: step + 1,
      learningRate: learningRateAt(step, training),
      ...{ beta1, beta2, epsilon, weightDecay: decays ? weightDecay : 0 },
    });
  }
}

/**
 * L2 norm of the mean gradient over all parameters, before any clip; f64.
 *
 * @param gradientSum f32[numParams], on the kernels' memory.
 */
export function gradientNormOf(
  kernels: Kernels,
  gradientSum: Float32Array,
  numTokens: number,
): number {
  return Math.sqrt(kernels.sumOfSquares(gradientSum)) / numTokens;
}

interface Run {
  readonly start: number;
  readonly end: number;
  readonly decays: boolean;
}

/** Neighbours with equal decay, joined: fewer and longer loops. */
function runsOf(layout: readonly TensorPlace[]): readonly Run[] {
  const runs: Run[] = [];
  for (const { offset, length, decays } of layout) {
    const last = runs.at(-1);
    if (last?.decays === decays) runs[runs.length - 1] = { ...last, end: offset + length };
    else runs.push({ start: offset, end: offset + length, decays });
  }
  return runs;
}
