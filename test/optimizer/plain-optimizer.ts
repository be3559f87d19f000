import type { TensorPlace } from "../../src/base/tensor-place.ts";
import type { TrainingConfiguration } from "../../src/configuration/configuration.ts";

/** What AdamW carries from step to step, in f64. */
export interface PlainState {
  readonly parameters: Float64Array;
  readonly firstMoments: Float64Array;
  readonly secondMoments: Float64Array;
}

/**
 * The oracle: "Loss and update" of the reference, word by word, in f64.
 *
 * @param gradient of the mean loss, before the clip.
 * @returns the gradient's norm before the clip.
 */
export function plainUpdate(
  state: PlainState,
  gradient: Float64Array,
  options: {
    readonly layout: readonly TensorPlace[];
    readonly step: number;
    readonly training: TrainingConfiguration;
  },
): number {
  const { layout, step, training } = options;
  const { beta1, beta2 } = training;
  const rate = plainLearningRate(step, training);
  let sum = 0;
  for (const value of gradient) sum += value * value;
  const norm = Math.sqrt(sum);
  const clip = Math.min(1, training.gradientClip / (norm + 1e-6));

  for (const { offset, length, decays } of layout) {
    for (let i = offset; i < offset + length; i++) {
      const g = at(gradient, i) * clip;
      const m = beta1 * at(state.firstMoments, i) + (1 - beta1) * g;
      const v = beta2 * at(state.secondMoments, i) + (1 - beta2) * g * g;
      const p = at(state.parameters, i) * (decays ? 1 - rate * training.weightDecay : 1);
      const mHat = m / (1 - beta1 ** (step + 1));
      const vHat = v / (1 - beta2 ** (step + 1));
      state.firstMoments[i] = m;
      state.secondMoments[i] = v;
      state.parameters[i] = p - (rate * mHat) / (Math.sqrt(vHat) + training.epsilon);
    }
  }
  return norm;
}

function plainLearningRate(step: number, training: TrainingConfiguration): number {
  const { learningRate, minLearningRate, warmupSteps: w, steps } = training;
  if (step < w) return (learningRate * (step + 1)) / w;
  const progress = (step - w) / (steps - 1 - w || 1);
  return (
    minLearningRate + ((learningRate - minLearningRate) * (1 + Math.cos(Math.PI * progress))) / 2
  );
}

function at(vector: Float64Array, i: number): number {
  return vector[i] ?? Number.NaN;
}
