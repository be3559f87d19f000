import type { TrainingConfiguration } from "../configuration/configuration.ts";

/**
 * The learning rate of one step: linear warmup, then half a cosine down to `minLearningRate`, which
 * the last step uses.
 *
 *   step < w:  lr · (step + 1) / w
 *   else:      min + ½ (lr - min) (1 + cos(π (step - w) / (N - 1 - w)))
 *
 * @param step optimizer updates done before: 0 is the first.
 */
export function learningRateAt(step: number, training: LearningRateSchedule): number {
  const { learningRate, minLearningRate, warmupSteps, steps } = training;
  if (step < warmupSteps) return (learningRate * (step + 1)) / warmupSteps;
  // A schedule of one step, or of warmup alone, has nothing to divide by.
  const numIntervals = Math.max(1, steps - 1 - warmupSteps);
  // A resumed run may be asked for more steps than it began with: it stays at the lowest rate.
  const progress = Math.min(1, (step - warmupSteps) / numIntervals);
  return (
    minLearningRate + 0.5 * (learningRate - minLearningRate) * (1 + Math.cos(Math.PI * progress))
  );
}

/** The keys of the configuration that make the schedule. */
export type LearningRateSchedule = Pick<
  TrainingConfiguration,
  "learningRate" | "minLearningRate" | "warmupSteps" | "steps"
>;
