import { expect, test } from "vitest";
import { resolveConfiguration } from "../../src/configuration/resolve-configuration.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { Trainer } from "../../src/worker/trainer.ts";
import { createTrainingMemory } from "../../src/worker/training-memory.ts";

const configuration = resolveConfiguration({
  ...{ vocabSize: 9, contextLength: 2, batchSize: 4, microBatchSize: 1, steps: 4 },
  ...{ embeddingSize: 4, numHeads: 1, numLayers: 1 },
});

test.each([
  { who: "who begins a run on a CPU", isUnderWay: false, device: "cpu", numLeaves: 0 },
  { who: "who begins a run on a GPU", isUnderWay: false, device: "gpu:0", numLeaves: 1 },
  { who: "a joiner on a CPU", isUnderWay: true, device: "cpu", numLeaves: 1 },
] as const)("$who computes $numLeaves leaves for nothing, and no other later", async (one) => {
  const { isUnderWay, device, numLeaves } = one;
  let numComputed = 0;
  const engine: Partial<Engine> = {
    description: { engine: "tensorflow", device, runtime: "none", numThreads: 1 },
    prepare: () => Promise.resolve(),
    putParameters: () => undefined,
    gradient: async () => ++numComputed,
  };
  const memory = await createTrainingMemory(configuration, 8);
  const trainer = new Trainer({ configuration, layout: [], memory, engine: engine as Engine });
  await trainer.prepare(isUnderWay);
  expect(numComputed).toBe(numLeaves);
  // As when the state of a run comes in that was formed after its welcome.
  await trainer.warmUp();
  expect(numComputed).toBe(1);
});
