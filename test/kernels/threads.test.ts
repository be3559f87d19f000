import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { createKernels } from "../../src/kernels/kernels.ts";
import type { SharedMemory } from "../../src/kernels/web-assembly.ts";

/** Compiled code: a thread of its own does not read TypeScript. */
const KERNELS_URL = new URL("../../dist/kernels/kernels.js", import.meta.url);

const NUM_FLOATS = 10_007;
const NUM_ROUNDS = 200;

/** Where things lie on the memory, in bytes: a sum for each thread, what both add, and a signal. */
const SUM_BYTES = 2 ** 17;
const ONES_OFFSET = 2 ** 18;
const START_OFFSET = 2 ** 19;

test("computes in two threads at once on one memory, as if each were alone", async () => {
  const kernels = await createKernels({ bytes: 2 ** 20 });
  kernels.view(ONES_OFFSET, NUM_FLOATS).fill(1);
  await Promise.all([0, 1].map((thread) => runThread(kernels.memory, thread)));

  expect(new Int32Array(kernels.memory.buffer, START_OFFSET, 1)[0]).toBe(2);
  for (const thread of [0, 1]) {
    const sum = kernels.view(thread * SUM_BYTES, NUM_FLOATS);
    expect(sum.every((value) => value === NUM_ROUNDS)).toBe(true);
  }
});

const THREAD = `
const { workerData, parentPort } = require("node:worker_threads");
import(workerData.url).then(async ({ attachKernels }) => {
  const kernels = await attachKernels(workerData.memory);
  const sum = kernels.view(workerData.thread * ${SUM_BYTES}, ${NUM_FLOATS});
  const ones = kernels.view(${ONES_OFFSET}, ${NUM_FLOATS});
  // Each waits for the other, so that they run together.
  const start = new Int32Array(workerData.memory.buffer, ${START_OFFSET}, 1);
  if (Atomics.add(start, 0, 1) === 0) Atomics.wait(start, 0, 1);
  else Atomics.notify(start, 0);
  for (let round = 0; round < ${NUM_ROUNDS}; round++) kernels.add(sum, ones);
  parentPort.postMessage("done");
});`;

async function runThread(memory: SharedMemory, thread: number): Promise<void> {
  const workerData = { url: KERNELS_URL.href, memory, thread };
  const worker = new Worker(THREAD, { eval: true, workerData });
  await new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  await worker.terminate();
}
