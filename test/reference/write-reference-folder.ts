import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { safetensorsPieces } from "../../src/checkpoint/safetensors-file.ts";
import type { ModelConfiguration } from "../../src/configuration/configuration.ts";
import type { TokenBlock } from "../../src/engine/engine.ts";
import { parameterLayout } from "../../src/model/parameter-layout.ts";
import { learningRateAt } from "../../src/optimizer/learning-rate.ts";
import { plainUpdate } from "../optimizer/plain-optimizer.ts";
import { floatLogits } from "./float-model.ts";
import {
  blockRows,
  floatParameters,
  oracleLoss,
  sampleBlock,
  sampleParameters,
} from "./sample-model.ts";

/** A run to write down, in the words of the format. */
export interface ReferenceRecipe {
  readonly model: ModelConfiguration;
  readonly train: {
    readonly lr: number;
    readonly lrMin: number;
    readonly warmupSteps: number;
    readonly totalSteps: number;
    readonly betas: readonly [number, number];
    readonly eps: number;
    readonly weightDecay: number;
    readonly gradClip: number;
  };
  readonly data: { readonly steps: number; readonly batchSize: number; readonly seqLen: number };
}

/**
 * Writes a reference folder as test/fixtures/reference/README.md describes it, with numbers of the
 * f64 oracles: the model's loss by plain loops, its gradient by differences, AdamW word by word.
 */
export async function writeReferenceFolder(folder: string, recipe: ReferenceRecipe): Promise<void> {
  const { model, data } = recipe;
  const { tensors } = parameterLayout(model);
  const initial = sampleParameters(model);
  const batches = Array.from({ length: data.steps }, (_, step) =>
    sampleBlock(model, { numSequences: data.batchSize, length: data.seqLen, seed: 100 + step }),
  );
  const state = {
    parameters: Float64Array.from(initial),
    firstMoments: new Float64Array(initial.length),
    secondMoments: new Float64Array(initial.length),
  };
  const series = { loss: [] as number[], gradNorm: [] as number[], lr: [] as number[] };
  const training = trainingOf(recipe);
  const firstGradient = meanGradient(model, state.parameters, batches[0] as TokenBlock);
  for (const [step, batch] of batches.entries()) {
    series.loss.push(
      oracleLoss(model, state.parameters, batch) / (batch.numSequences * batch.length),
    );
    const gradient = step === 0 ? firstGradient : meanGradient(model, state.parameters, batch);
    series.gradNorm.push(plainUpdate(state, gradient, { layout: tensors, step, training }));
    series.lr.push(learningRateAt(step, training));
  }

  await mkdir(folder, { recursive: true });
  const writeJson = (file: string, content: unknown) =>
    writeFile(join(folder, file), JSON.stringify(content));
  const writeVector = (file: string, vector: ArrayLike<number>) => {
    const values = Float32Array.from(vector);
    const named = tensors.map(({ name, shape, offset, length }) => ({
      ...{ name, shape, values: values.subarray(offset, offset + length) },
    }));
    return writeFile(join(folder, file), Buffer.concat([...safetensorsPieces(named)]));
  };
  await writeJson("config.json", { name: "oracle", ...recipe });
  await writeJson("losses.json", series);
  const rowsOf = (batch: TokenBlock) =>
    blockRows(batch).map(({ inputs, targets }) => [...inputs, ...targets.slice(-1)]);
  await writeJson("batch.json", { tokens: batches.map(rowsOf) });
  await writeVector("params.safetensors", initial);
  await writeVector("grads.safetensors", firstGradient);
  await writeVector("final.safetensors", state.parameters);
  const [row] = blockRows(batches[0] as TokenBlock);
  const logits = floatLogits(model, floatParameters(model, initial), row?.inputs ?? []);
  const values = Float32Array.from(logits.flatMap((one) => [...one]));
  const tensor = { name: "logits", shape: [data.seqLen, model.vocabSize], values };
  const file = join(folder, "logits.safetensors");
  await writeFile(file, Buffer.concat([...safetensorsPieces([tensor])]));
}

/** By differences of fourth order: their error is below 1e-10 here. */
function meanGradient(
  model: ModelConfiguration,
  parameters: Float64Array,
  batch: TokenBlock,
): Float64Array {
  const step = 1e-3;
  const shifted = parameters.slice();
  const numTokens = batch.numSequences * batch.length;
  return parameters.map((value, i) => {
    const lossAt = (shift: number) => {
      shifted[i] = value + shift;
      return oracleLoss(model, shifted, batch);
    };
    const near = lossAt(step) - lossAt(-step);
    const far = lossAt(2 * step) - lossAt(-2 * step);
    shifted[i] = value;
    return (8 * near - far) / (12 * step) / numTokens;
  });
}

function trainingOf({ train, data }: ReferenceRecipe) {
  return {
    ...{ batchSize: data.batchSize, microBatchSize: data.batchSize, steps: train.totalSteps },
    ...{ learningRate: train.lr, minLearningRate: train.lrMin, warmupSteps: train.warmupSteps },
    ...{ beta1: train.betas[0], beta2: train.betas[1], epsilon: train.eps },
    ...{ weightDecay: train.weightDecay, gradientClip: train.gradClip },
    ...{ seed: 0, evaluateEvery: 0, checkpointEvery: 0, maxSkippedSteps: 0 },
  };
}
