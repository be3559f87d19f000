import { expect, test } from "vitest";
import { defined } from "../../src/base/assert.ts";
import { resolveConfiguration } from "../../src/configuration/resolve-configuration.ts";
import type { Engine } from "../../src/engine/engine.ts";
import type { Ready } from "../../src/protocol/messages.ts";
import { ComputeThread } from "../../src/worker/compute-thread.ts";
import type { ToCommunication } from "../../src/worker/thread-messages.ts";
import { Trainer } from "../../src/worker/trainer.ts";
import { createTrainingMemory } from "../../src/worker/training-memory.ts";

const NUM_PARAMS = 8;
const configuration = resolveConfiguration({
  ...{ vocabSize: 9, contextLength: 2, batchSize: 4, microBatchSize: 1, steps: 4 },
  ...{ embeddingSize: 4, numHeads: 1, numLayers: 1 },
});

/** What an engine makes of a leaf whose first token is 7, in loss and gradient. */
type Harm = (gradient: Float32Array) => number;

/** Reports of a worker alone that has computed a step in which the leaf of index 2 is harmed. */
async function reportOf(harm: Harm): Promise<Ready> {
  const memory = await createTrainingMemory(configuration, NUM_PARAMS);
  const engine: Partial<Engine> = {
    putParameters: () => undefined,
    async gradient({ tokens }, gradient) {
      gradient.fill(1);
      return tokens[0] === 7 ? harm(gradient) : 1;
    },
  };
  const trainer = new Trainer({
    ...{ configuration, layout: [], memory },
    engine: engine as Engine,
  });
  const said = new Promise<Ready>((resolve) => {
    const tell = (message: ToCommunication) => {
      // The exchange of a fleet of one: its only partial is the sum.
      if (message.type === "partial") {
        const partial = new Float32Array(memory.map.memory.buffer, message.byteOffset);
        memory.sum.set(partial.subarray(0, NUM_PARAMS + 1));
      }
      if (message.type !== "send") return;
      const said = message.message;
      if (said.type === "computed") setImmediate(() => compute.hear({ ...said, type: "summed" }));
      if (said.type === "ready") resolve(said);
    };
    const description = { engine: "tfjs", device: "cpu", runtime: "none", numThreads: 1 } as const;
    const processor = "none";
    const compute = new ComputeThread({
      ...{ workerId: 0, layout: [], description, processor, trainer, tell },
    });
    const moment = { generation: 1, step: 0 };
    const tokens = new Uint8Array(Int32Array.of(1, 1, 1, 1, 1, 1, 7, 1, 1, 1, 1, 1).buffer);
    compute.hear({
      type: "work",
      message: { type: "form", ...moment, members: [{ workerId: 0 }] },
    });
    compute.hear({ type: "let-go", generation: 1 });
    compute.hear({
      type: "work",
      message: { type: "assign", ...moment, ranges: [{ lo: 0, hi: 4 }], tokens },
    });
    void compute.run();
  });
  return defined(await said, "a report");
}

/** What is harmed, and whether the leaf can be named by itself. */
const HARMS: readonly (readonly [string, Harm])[] = [
  ["its loss", () => Number.NaN],
  ["its gradient alone", (gradient) => gradient.fill(Number.POSITIVE_INFINITY, 3, 4).length],
];
test.each(HARMS)("a worker names the leaf that is not finite in %s", async (_name, harm) => {
  expect((await reportOf(harm)).badLeaf).toBe(2);
});

test("a worker names no leaf while all is finite", async () => {
  expect(await reportOf(() => 1)).not.toHaveProperty("badLeaf");
});
