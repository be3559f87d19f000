import { describe, expect, test } from "vitest";
import { defined } from "../../src/base/assert.ts";
import { SumStore } from "../../src/coordinator/sum-store.ts";
import type { TensorFrame } from "../../src/protocol/tensor-frame.ts";

const LENGTH = 10;
const DONOR = 4;

/** A sum in two frames, of six floats and of four. */
const framesOf = (step: number): readonly TensorFrame[] =>
  [
    { offset: 0, numFloats: 6 },
    { offset: 6, numFloats: 4 },
  ].map(({ offset, numFloats }) => ({
    ...{ kind: "replay", vector: 0, elements: "f32", generation: 0, step, offset, lo: 0, hi: 0 },
    payload: new Uint8Array(4 * numFloats).fill(step),
  }));

/** One of its frames. */
const frameOf = (step: number, index: number) => defined(framesOf(step)[index], "a frame");

/** A store that was promised the sums of steps 7 and 8. */
function expecting(): SumStore {
  const store = new SumStore();
  for (const step of [7, 8]) store.collect(DONOR, step, LENGTH);
  return store;
}

function fill(store: SumStore, step: number): readonly (number | undefined)[] {
  return framesOf(step).map((frame) => store.take(DONOR, frame));
}

/** What a joiner would be sent. */
async function sentOf(store: SumStore, step: number): Promise<readonly TensorFrame[]> {
  let sent: readonly TensorFrame[] = [];
  await store.lend(step, async (frames) => {
    sent = [...frames];
  });
  return sent;
}

/** All numbers of a step's sum, as frames carry them. */
const bytesOf = (frames: readonly TensorFrame[]) => Buffer.concat(frames.map((one) => one.payload));

describe("sums that are kept for joiners", () => {
  test("say when they are whole, and go out as they came in", async () => {
    const store = expecting();
    expect(fill(store, 7)).toEqual([undefined, 7]);
    expect(bytesOf(await sentOf(store, 7))).toEqual(bytesOf(framesOf(7)));
  });

  test.each([
    ["from another worker", DONOR + 1, 0, 7],
    ["of a step that nobody asked for", DONOR, 0, 9],
    ["out of order", DONOR, 1, 7],
  ])("are refused %s", (_what, workerId, index, step) => {
    expect(() => expecting().take(workerId, frameOf(step, index))).toThrow(/was due/);
  });

  test("are refused when they are longer than a sum", () => {
    const store = new SumStore();
    store.collect(DONOR, 7, 5);
    expect(() => store.take(DONOR, frameOf(7, 0))).toThrow(/float 0 of 5/);
  });

  test("are taken and dropped when they were forgotten on their way", async () => {
    const store = expecting();
    store.take(DONOR, frameOf(7, 0));
    store.forget(8, false);
    expect(store.take(DONOR, frameOf(7, 1))).toBeUndefined();
    await expect(sentOf(store, 7)).rejects.toThrow(/the sum of step 7/);
    expect(fill(store, 8)).toEqual([undefined, 8]);
  });

  test("stay whole for those who are being sent them when they are forgotten", async () => {
    const store = expecting();
    fill(store, 7);
    await store.lend(7, async (frames) => {
      store.forget(8, false);
      store.collect(DONOR, 9, LENGTH);
      fill(store, 9);
      expect(bytesOf([...frames])).toEqual(bytesOf(framesOf(7)));
    });
    await expect(sentOf(store, 7)).rejects.toThrow(/the sum of step 7/);
  });

  test.each([
    { isOver: false, isReused: true },
    { isOver: true, isReused: false },
  ])(
    "when they are forgotten, give their memory to the next: $isReused",
    async ({ isOver, isReused }) => {
      const store = expecting();
      fill(store, 7);
      const [before] = await sentOf(store, 7);
      store.forget(8, isOver);
      store.collect(DONOR, 9, LENGTH);
      fill(store, 9);
      const [after] = await sentOf(store, 9);
      expect(after?.payload.buffer === before?.payload.buffer).toBe(isReused);
    },
  );

  test("survive their donor when they are whole, and only then", async () => {
    const store = expecting();
    fill(store, 7);
    store.forgetDonor(DONOR);
    expect(bytesOf(await sentOf(store, 7))).toHaveLength(4 * LENGTH);
    expect(() => fill(store, 8)).toThrow(/nothing was due/);
  });
});
