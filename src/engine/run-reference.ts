import { Arena, arenaBytes } from "../kernels/arena.ts";
import { createKernels } from "../kernels/kernels.ts";
import { applyUpdate, gradientNormOf } from "../optimizer/apply-update.ts";
import { learningRateAt } from "../optimizer/learning-rate.ts";
import type { Engine } from "./engine.ts";
import type { ReferenceRun } from "./reference-folder.ts";

/** What an engine and the optimizer make of a reference run; fields as in `ReferenceRun`. */
export type RunResults = Pick<
  ReferenceRun,
  "logits" | "gradient" | "losses" | "gradientNorms" | "learningRates" | "finalParameters"
>;

/** Trains the steps of a reference run with the optimizer that trains everything else. */
export async function runReference(engine: Engine, reference: ReferenceRun): Promise<RunResults> {
  const { layout, training, batches, initialParameters } = reference;
  const { numParams } = layout;
  const bytes = arenaBytes([numParams, numParams, numParams, numParams]);
  const kernels = await createKernels({ bytes });
  const arena = new Arena(kernels);
  const parameters = arena.floats(numParams);
  const gradientSum = arena.floats(numParams);
  const firstMoments = arena.floats(numParams);
  const secondMoments = arena.floats(numParams);

  parameters.set(initialParameters);
  engine.putParameters(parameters);
  const logits = await firstRowLogits(engine, reference);
  let gradient = new Float32Array(0);
  const losses: number[] = [];
  const gradientNorms: number[] = [];
  for (const [step, batch] of batches.entries()) {
    const numTokens = batch.numSequences * batch.length;
    losses.push((await engine.gradient(batch, gradientSum)) / numTokens);
    if (step === 0) gradient = Float32Array.from(gradientSum, (slope) => slope / numTokens);
    const gradientNorm = gradientNormOf(kernels, gradientSum, numTokens);
    gradientNorms.push(gradientNorm);
    applyUpdate({
      ...{ kernels, layout: layout.tensors, training, step, numTokens, gradientNorm },
      ...{ parameters, gradientSum, firstMoments, secondMoments },
    });
    engine.putParameters(parameters);
  }
  return {
    ...{ logits, gradient, losses, gradientNorms },
    learningRates: batches.map((_, step) => learningRateAt(step, training)),
    finalParameters: Float32Array.from(parameters),
  };
}

async function firstRowLogits(engine: Engine, { batches }: ReferenceRun): Promise<Float32Array> {
  const [batch] = batches as [ReferenceRun["batches"][number]];
  const tokens = batch.tokens.slice(0, batch.length + 1);
  return engine.logits({ numSequences: 1, length: batch.length, tokens });
}
