import { describe, expect, test } from "vitest";
import { defined } from "../../src/base/assert.ts";
import { digestOf } from "../../src/base/digest.ts";
import { othersOf } from "../../src/collective/others-of.ts";
import { resolveConfiguration } from "../../src/configuration/resolve-configuration.ts";
import type { Engine } from "../../src/engine/engine.ts";
import type { Form, Ready } from "../../src/protocol/messages.ts";
import { ComputeThread } from "../../src/worker/compute-thread.ts";
import { LeafAudit } from "../../src/worker/leaf-audit.ts";
import type { ToCommunication } from "../../src/worker/thread-messages.ts";
import { Trainer } from "../../src/worker/trainer.ts";
import { createTrainingMemory } from "../../src/worker/training-memory.ts";

const NUM_PARAMS = 8;
const configuration = resolveConfiguration({
  ...{ vocabSize: 99, contextLength: 2, batchSize: 4, microBatchSize: 1, steps: 4 },
  ...{ embeddingSize: 4, numHeads: 1, numLayers: 1 },
});

/** An engine that makes of a leaf's first token the loss and every number of the gradient. */
const engine: Partial<Engine> = {
  putParameters: () => undefined,
  async gradient({ tokens }, gradient) {
    const first = defined(tokens[0], "a token");
    gradient.fill(first);
    return first;
  },
};

const members: Form["members"] = [{ workerId: 0 }, { workerId: 1 }];
const ranges = [
  { lo: 0, hi: 2 },
  { lo: 2, hi: 4 },
];

/** The digest of a leaf whose first token is `token`. */
const digestOfLeaf = (token: number) => digestOf(new Float32Array(NUM_PARAMS + 1).fill(token));

/** What worker 1 of two says and gives in a step in which these leaves are audited. */
async function auditedStep(audit: readonly number[], tokens: readonly number[]) {
  const memory = await createTrainingMemory(configuration, NUM_PARAMS);
  const trainer = new Trainer({
    ...{ configuration, layout: [], memory },
    engine: engine as Engine,
  });
  const partials: number[] = [];
  const ready = await new Promise<Ready>((resolve) => {
    const tell = (message: ToCommunication) => {
      if (message.type === "partial") {
        const vector = new Float32Array(memory.map.memory.buffer, message.byteOffset);
        partials.push(...vector.subarray(0, NUM_PARAMS + 1));
      }
      if (message.type !== "send") return;
      const said = message.message;
      // The sum is there before the next task, which is the audit.
      if (said.type === "computed") setImmediate(() => compute.hear({ ...said, type: "summed" }));
      if (said.type === "ready") resolve(said);
    };
    const description = { engine: "tfjs", device: "cpu", runtime: "none", numThreads: 1 } as const;
    const compute = new ComputeThread({
      ...{ workerId: 1, layout: [], description, processor: "none", trainer, tell },
    });
    const moment = { generation: 1, step: 0 };
    const bytes = new Uint8Array(Int32Array.from(tokens.flatMap((token) => [token, 1, 1])).buffer);
    compute.hear({ type: "work", message: { type: "form", ...moment, members } });
    compute.hear({ type: "let-go", generation: 1 });
    compute.hear({
      type: "work",
      message: { type: "assign", ...moment, ranges, tokens: bytes, audit },
    });
    void compute.run();
  });
  return { ready, partials };
}

describe("an audited leaf", () => {
  test("of this worker and of another is told by digest, the other's being part of no partial", async () => {
    // The tokens of its own leaves 2 and 3, then those of leaf 1.
    const { ready, partials } = await auditedStep([1, 2], [20, 30, 10]);
    expect(ready.audited).toEqual([
      { leaf: 2, digest: digestOfLeaf(20) },
      { leaf: 1, digest: digestOfLeaf(10) },
    ]);
    expect(partials).toEqual(Array.from({ length: NUM_PARAMS + 1 }, () => 50));
  });

  test("is not told of where none was asked for", async () => {
    const { ready } = await auditedStep([], [20, 30]);
    expect(ready).not.toHaveProperty("audited");
  });
});

describe("the audits of a step", () => {
  test("have their tokens after those of the worker's own leaves, in the order of the leaves", () => {
    expect(othersOf([0, 2, 3, 7], { lo: 2, hi: 4 })).toEqual([
      { leaf: 0, leafIndex: 2 },
      { leaf: 7, leafIndex: 3 },
    ]);
  });

  test("are all there is to compute for a worker without leaves", () => {
    expect(othersOf([5], { lo: 4, hi: 4 })).toEqual([{ leaf: 5, leafIndex: 0 }]);
  });

  test("keep nothing of leaves that were not asked for", () => {
    const audit = new LeafAudit({ audit: [1] }, { lo: 0, hi: 2 });
    audit.note(0, Float32Array.of(1));
    expect(audit.found).toEqual([]);
    audit.note(1, Float32Array.of(1));
    expect(audit.found).toEqual([{ leaf: 1, digest: digestOf(Float32Array.of(1)) }]);
    expect(audit.takeNext()).toBeUndefined();
  });
});
