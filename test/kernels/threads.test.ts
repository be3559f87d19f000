import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { createKernels } from "../../src/kernels/kernels.ts";

/** Compiled code: a thread of its own does not read TypeScript. */
const KERNELS_URL = new URL("../../dist/kernels/kernels.js", import.meta.url);

const NUM_FLOATS = 10_007;
const NUM_ROUNDS = 200;

test("computes in two threads at once on one memory, as if each were alone", async () => {
  const kernels = await createKernels({ bytes: 2 ** 20 });
  const start = new Int32Array(kernels.memory.buffer, 2 ** 19, 1);
  kernels.view(2 ** 18, NUM_FLOATS).fill(1);
  await Promise.all([0, 1].map((thread) => runThread(thread)));

  async function runThread(thread: number): Promise<void> {
    const worker = new Worker(
      `const { workerData, parentPort } = require("node:worker_threads");
       import(workerData.url).then(async ({ attachKernels }) => {
         const kernels = await attachKernels(workerData.memory);
         const sum = kernels.view(workerData.thread * 2 ** 17, ${NUM_FLOATS});
         const ones = kernels.view(2 ** 18, ${NUM_FLOATS});
         // Both wait for the other, so that they run together.
         const start = new Int32Array(workerData.memory.buffer, 2 ** 19, 1);
         if (Atomics.add(start, 0, 1) === 0) Atomics.wait(start, 0, 1);
         else Atomics.notify(start, 0);
         for (let round = 0; round < ${NUM_ROUNDS}; round++) kernels.add(sum, ones);
         parentPort.postMessage("done");
       });`,
      { eval: true, workerData: { url: KERNELS_URL.href, memory: kernels.memory, thread } },
    );
    await new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    await worker.terminate();
  }

  expect(start[0]).toBe(2);
  for (const thread of [0, 1]) {
    const sum = kernels.view(thread * 2 ** 17, NUM_FLOATS);
    expect(sum.every((value) => value === NUM_ROUNDS)).toBe(true);
  }
});
