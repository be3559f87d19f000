import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { TensorPlace } from "../../src/base/tensor-place.ts";
import { readVector } from "../../src/checkpoint/read-vector.ts";
import { openSafetensors } from "../../src/checkpoint/safetensors-file.ts";
import type { TrainingConfiguration } from "../../src/configuration/configuration.ts";

/** The golden runs that the README in their folder describes. */
export const REFERENCE_FIXTURES = [
  "pre-small-rotary-geglu",
  "pre-small-rotary-geglu-random",
  "post-small-rotary-geglu-random",
  "pre-base-learned-gelu-random",
];

/** What of a golden run concerns the optimizer. */
export interface ReferenceFixture {
  readonly training: TrainingConfiguration;
  readonly layout: readonly TensorPlace[];
  readonly parameters: Float32Array;
  /** Of the mean loss of step 0. */
  readonly gradient: Float32Array;
  readonly gradientNorms: readonly number[];
  readonly learningRates: readonly number[];
}

/** Reads the golden run of this name; the layout is in the order of its files. */
export async function referenceFixture(name: string): Promise<ReferenceFixture> {
  const path = (file: string) =>
    fileURLToPath(new URL(`../fixtures/reference/${name}/${file}`, import.meta.url));
  const json = async (file: string) => JSON.parse(await readFile(path(file), "utf8"));
  const { train, data } = await json("config.json");
  const { lr, gradNorm } = await json("losses.json");
  const layout = await layoutOf(path("params.safetensors"));
  return {
    training: {
      batchSize: data.batchSize,
      microBatchSize: 1,
      steps: train.totalSteps,
      learningRate: train.lr,
      minLearningRate: train.lrMin,
      warmupSteps: train.warmupSteps,
      beta1: train.betas[0],
      beta2: train.betas[1],
      epsilon: train.eps,
      weightDecay: train.weightDecay,
      gradientClip: train.gradClip,
      seed: 0,
      evaluateEvery: 0,
      checkpointEvery: 0,
      maxSkippedSteps: 0,
    },
    layout,
    parameters: await readVector(path("params.safetensors"), layout),
    gradient: await readVector(path("grads.safetensors"), layout),
    gradientNorms: gradNorm,
    learningRates: lr,
  };
}

async function layoutOf(path: string): Promise<readonly TensorPlace[]> {
  await using file = await openSafetensors(path);
  return file.tensors.map(({ name, shape, begin, end }) => ({
    name,
    shape,
    offset: begin / 4,
    length: (end - begin) / 4,
    decays: /\.(attn|ffn)\..*\.weight$/.test(name),
  }));
}
