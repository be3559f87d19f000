import { describe, expect, test } from "vitest";
import { resolveConfiguration } from "../../src/configuration/resolve-configuration.ts";
import type { Link } from "../../src/protocol/link.ts";
import { ExchangeDesk } from "../../src/worker/exchange-desk.ts";
import { createTrainingMemory } from "../../src/worker/training-memory.ts";

const NUM_PARAMS = 64;
const RANGES = [
  { lo: 0, hi: 2 },
  { lo: 2, hi: 4 },
];
const configuration = resolveConfiguration({
  ...{ vocabSize: 9, contextLength: 2, batchSize: 4, microBatchSize: 1, steps: 4 },
  ...{ embeddingSize: 4, numHeads: 1, numLayers: 1 },
});

const settle = async () => {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** The desk of worker 0 of two, whose frames to the other are under way until `arrive`. */
async function deskWithSlowLink() {
  const memory = await createTrainingMemory(configuration, NUM_PARAMS);
  const underWay: (() => void)[] = [];
  const link: Link = {
    label: "worker 1",
    send: () => undefined,
    sendTensor: () => new Promise((resolve) => underWay.push(resolve)),
    listen: () => undefined,
    close: () => undefined,
    cut: () => undefined,
  };
  const desk = new ExchangeDesk({
    ...{ selfId: 0, map: memory.map, kernels: memory.kernels },
    ...{ onSummed: () => undefined, onViolation: () => undefined },
  });
  const byteOffset = memory.foldBuffers[0]?.byteOffset ?? 0;
  return {
    desk,
    /** Opens the exchange of a generation and gives it our partial. */
    begin(generation: number) {
      const moment = { generation, step: 0 };
      desk.begin(moment, RANGES, { memberIds: [0, 1], links: new Map([[1, link]]) });
      desk.addPartial(moment, { lo: 0, hi: 2 }, byteOffset);
    },
    numUnderWay: () => underWay.length,
    arrive: () => underWay.splice(0).forEach((resolve) => void resolve()),
  };
}

/** Whether the promise has been kept, asked after all else has had its turn. */
async function isKept(promise: Promise<void>): Promise<boolean> {
  let kept = false;
  void promise.then(() => {
    kept = true;
  });
  await settle();
  return kept;
}

describe("an exchange that is given up", () => {
  test("lets go of its partials when what is under way has left, and not before", async () => {
    const { desk, begin, numUnderWay, arrive } = await deskWithSlowLink();
    begin(1);
    await settle();
    expect(numUnderWay()).toBeGreaterThan(0);
    const aborted = desk.abort();
    expect(await isKept(aborted)).toBe(false);
    arrive();
    expect(await isKept(aborted)).toBe(true);
  });

  test("sends nothing when it was still to be opened, behind another that has not let go", async () => {
    const { desk, begin, numUnderWay, arrive } = await deskWithSlowLink();
    begin(1);
    await settle();
    void desk.abort();
    begin(2);
    const aborted = desk.abort();
    arrive();
    expect(await isKept(aborted)).toBe(true);
    expect(numUnderWay()).toBe(0);
  });

  test("holds up nobody when there is none", async () => {
    const { desk } = await deskWithSlowLink();
    expect(await isKept(desk.abort())).toBe(true);
  });
});
