import { describe, expect, test } from "vitest";
import { defined } from "../../src/base/assert.ts";
import { digestOf } from "../../src/base/digest.ts";
import { resolveConfiguration } from "../../src/configuration/resolve-configuration.ts";
import type { Engine } from "../../src/engine/engine.ts";
import type { Assign, LeafRange, Ready } from "../../src/protocol/messages.ts";
import { ComputeThread } from "../../src/worker/compute-thread.ts";
import type { ToCommunication } from "../../src/worker/thread-messages.ts";
import { Trainer } from "../../src/worker/trainer.ts";
import { createTrainingMemory } from "../../src/worker/training-memory.ts";

const NUM_PARAMS = 8;
const SELF = 1;
/** Eight leaves of one sequence of two tokens. */
const configuration = resolveConfiguration({
  ...{ vocabSize: 99, contextLength: 2, batchSize: 8, microBatchSize: 1, steps: 4 },
  ...{ embeddingSize: 4, numHeads: 1, numLayers: 1 },
});

/** Of three members, of whom the first is lost. */
const OWN = { lo: 3, hi: 6 };
const THREE = [{ lo: 0, hi: 3 }, OWN, { lo: 6, hi: 8 }];
const GROWN = { lo: 0, hi: 6 };
const TWO = [GROWN, { lo: 6, hi: 8 }];

/** What each number of a leaf's gradient is: sums of them round, so that their order shows. */
const numberOf = (leaf: number) => Math.fround(leaf % 2 === 0 ? 1e8 / (leaf + 1) : 0.1 + leaf / 3);
const digestOfLeaf = (leaf: number) =>
  digestOf(new Float32Array(NUM_PARAMS + 1).fill(numberOf(leaf)));

/** The compute thread of worker 1, with an engine that tells what it computes, and no other thread. */
async function startWorker() {
  const memory = await createTrainingMemory(configuration, NUM_PARAMS);
  const computed: number[] = [];
  const partials = new Map<string, string>();
  const waiting = new Map<string, (said: unknown) => void>();
  const heard = new Map<string, unknown>();
  let whileComputing: (leaf: number) => number = numberOf;
  const engine: Partial<Engine> = {
    putParameters: () => undefined,
    async gradient({ tokens }, gradient) {
      const leaf = defined(tokens[0], "a token");
      computed.push(leaf);
      const number = whileComputing(leaf);
      gradient.fill(number);
      return number;
    },
  };
  const trainer = new Trainer({
    ...{ configuration, layout: [], memory },
    engine: engine as Engine,
  });
  const tell = (message: ToCommunication) => {
    if (message.type === "partial") {
      const { generation, node, byteOffset } = message;
      const vector = new Float32Array(memory.map.memory.buffer, byteOffset, NUM_PARAMS + 1);
      partials.set(`${generation}: ${node.lo}-${node.hi}`, digestOf(vector));
    }
    if (message.type !== "send") return;
    const said = message.message;
    const key = "generation" in said ? `${said.type} ${said.generation}` : said.type;
    heard.set(key, said);
    waiting.get(key)?.(said);
  };
  const description = { engine: "tfjs", device: "cpu", runtime: "none", numThreads: 1 } as const;
  const compute = new ComputeThread({
    ...{ workerId: SELF, layout: [], description, processor: "none", trainer, tell },
  });
  void compute.run();
  const says = (key: string) =>
    new Promise<unknown>((resolve) => {
      if (heard.has(key)) resolve(heard.get(key));
      else waiting.set(key, resolve);
    });
  return {
    /** Leaves in the order in which they were computed; emptied by whoever looks. */
    takeComputed: () => computed.splice(0),
    /** Digests of the partials that were told in a generation, by node. */
    partialsOf: (generation: number) =>
      [...partials].flatMap(([key, digest]) => {
        const [told, node] = key.split(": ");
        return told === String(generation) ? [[node, digest]] : [];
      }),
    /** What the engine makes of a leaf from now on. */
    compute(number: (leaf: number) => number) {
      whileComputing = number;
    },
    form(generation: number, workerIds: readonly number[], step = 0) {
      const members = workerIds.map((workerId) => ({ workerId }));
      compute.hear({ type: "work", message: { type: "form", generation, step, members } });
      compute.hear({ type: "let-go", generation });
    },
    assign(
      generation: number,
      ranges: readonly LeafRange[],
      { lo, hi }: LeafRange,
      { step = 0, ...more }: Partial<Pick<Assign, "audit" | "keep" | "step">> = {},
    ) {
      const leaves = Array.from({ length: hi - lo }, (_, i) => lo + i);
      const others = (more.audit ?? []).filter((leaf) => leaf < lo || hi <= leaf);
      const tokens = [...leaves, ...others].flatMap((leaf) => [leaf, 0, 0]);
      const bytes = new Uint8Array(Int32Array.from(tokens).buffer);
      const moment = { generation, step };
      compute.hear({
        type: "work",
        message: { type: "assign", ...moment, ranges, tokens: bytes, ...more },
      });
    },
    computedIn: (generation: number) => says(`computed ${generation}`),
    /** The exchange has given a sum all of whose numbers are this one. */
    async report(generation: number, number: number): Promise<Ready> {
      memory.sum.fill(number);
      compute.hear({ type: "summed", generation, step: 0 });
      return (await says(`ready ${generation}`)) as Ready;
    },
    commit(generation: number) {
      const asked = { digest: false, snapshot: false, sum: false, skip: true };
      compute.hear({ type: "work", message: { type: "commit", generation, step: 0, ...asked } });
    },
  };
}

type Worker = Awaited<ReturnType<typeof startWorker>>;

/** Computes its part as one of three, after which the first member is lost. */
async function loseFirst(worker: Worker, more: Pick<Assign, "audit"> = {}): Promise<void> {
  worker.form(1, [0, SELF, 2]);
  worker.assign(1, THREE, OWN, more);
  await worker.computedIn(1);
  worker.form(2, [SELF, 2]);
}

/** The partials of one who computes all leaves of the second attempt. */
async function plainPartials() {
  const worker = await startWorker();
  await loseFirst(worker);
  worker.assign(2, TWO, GROWN);
  await worker.computedIn(2);
  return worker.partialsOf(2);
}

describe("a worker whose fleet changes in a step", () => {
  test("computes only leaves that it has not, and gives the same partials", async () => {
    const worker = await startWorker();
    await loseFirst(worker);
    expect(worker.takeComputed()).toEqual([3, 4, 5]);
    worker.assign(2, TWO, GROWN, { keep: true });
    await worker.computedIn(2);
    expect(worker.takeComputed()).toEqual([0, 1, 2]);
    expect(worker.partialsOf(2)).toEqual(await plainPartials());
  });

  test("finishes the leaf that it is about, and keeps it", async () => {
    const worker = await startWorker();
    worker.compute((leaf) => {
      if (leaf === 4) {
        worker.form(2, [SELF, 2]);
        worker.assign(2, TWO, GROWN, { keep: true });
      }
      return numberOf(leaf);
    });
    worker.form(1, [0, SELF, 2]);
    worker.assign(1, THREE, OWN);
    await worker.computedIn(2);
    expect(worker.takeComputed()).toEqual([3, 4, 0, 1, 2, 5]);
    // Leaf 4 came too late for that exchange.
    expect(worker.partialsOf(1).map(([node]) => node)).toEqual(["3-4"]);
    expect(worker.partialsOf(2)).toEqual(await plainPartials());
  });

  test("keeps what it had through another change, and has nothing to compute when it has all", async () => {
    const worker = await startWorker();
    await loseFirst(worker);
    worker.takeComputed();
    worker.form(3, [0, SELF, 2]);
    worker.assign(3, THREE, OWN, { keep: true });
    await worker.computedIn(3);
    expect(worker.takeComputed()).toEqual([]);
    expect(worker.partialsOf(3)).toEqual(worker.partialsOf(1));
    // What it took for them then: nobody would think that it computes in no time.
    expect((await worker.report(3, 1)).computeMs).toBeGreaterThan(0);
  });

  test("computes all its leaves again when it is not told to keep them", async () => {
    const worker = await startWorker();
    await loseFirst(worker);
    worker.takeComputed();
    worker.assign(2, TWO, GROWN);
    await worker.computedIn(2);
    expect(worker.takeComputed()).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test("keeps nothing of a step that is over", async () => {
    const worker = await startWorker();
    worker.form(1, [0, SELF, 2]);
    worker.assign(1, THREE, OWN);
    await worker.computedIn(1);
    // Nothing is updated with it, and the parameters stay; what was computed is of other tokens all the same.
    await worker.report(1, Number.NaN);
    worker.commit(1);
    worker.form(2, [SELF, 2], 1);
    worker.takeComputed();
    worker.assign(2, TWO, GROWN, { step: 1, keep: true });
    await worker.computedIn(2);
    expect(worker.takeComputed()).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test("keeps nothing after it has looked for a leaf that is not finite, over its partials", async () => {
    const worker = await startWorker();
    worker.form(1, [0, SELF, 2]);
    worker.assign(1, THREE, OWN);
    await worker.computedIn(1);
    await worker.report(1, Number.NaN);
    worker.form(2, [SELF, 2]);
    worker.takeComputed();
    worker.assign(2, TWO, GROWN, { keep: true });
    await worker.computedIn(2);
    expect(worker.takeComputed()).toEqual([0, 1, 2, 3, 4, 5]);
  });
});

describe("a kept leaf that is audited", () => {
  test("is told by the digest of what was computed, also when that was wrong", async () => {
    const worker = await startWorker();
    worker.compute((leaf) => (leaf === 4 ? 0.5 : numberOf(leaf)));
    await loseFirst(worker, { audit: [1, 4, 5] });
    worker.compute(numberOf);
    worker.takeComputed();
    worker.assign(2, TWO, GROWN, { audit: [1, 4, 5], keep: true });
    await worker.computedIn(2);
    const { audited } = await worker.report(2, 1);
    expect(worker.takeComputed()).toEqual([0, 1, 2]);
    expect(audited?.toSorted((a, b) => a.leaf - b.leaf)).toEqual([
      { leaf: 1, digest: digestOfLeaf(1) },
      { leaf: 4, digest: digestOf(new Float32Array(NUM_PARAMS + 1).fill(0.5)) },
      { leaf: 5, digest: digestOfLeaf(5) },
    ]);
  });

  test("is computed again when it was not audited when it was computed", async () => {
    const worker = await startWorker();
    await loseFirst(worker);
    worker.takeComputed();
    worker.assign(2, TWO, GROWN, { audit: [5], keep: true });
    await worker.computedIn(2);
    const { audited } = await worker.report(2, 1);
    expect(worker.takeComputed()).toContain(5);
    expect(audited).toEqual([{ leaf: 5, digest: digestOfLeaf(5) }]);
  });
});
