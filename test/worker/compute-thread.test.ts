import { describe, expect, test } from "vitest";
import { TrainerError } from "../../src/base/errors.ts";
import { ComputeThread } from "../../src/worker/compute-thread.ts";

const LOST = new TrainerError(
  "ERR_COORDINATOR_LOST",
  "The communication thread has ended by itself.",
);

describe("the compute thread", () => {
  test("ends by the coordinator's last word, also when the communication thread ends before it hears", async () => {
    const compute = idleThread();
    compute.hear({ type: "finished", reason: "the run is completed" });
    compute.fail(LOST);
    expect(await compute.run()).toEqual({ reason: "the run is completed" });
  });

  test("fails when the communication thread ends without such a word", async () => {
    const compute = idleThread();
    compute.fail(LOST);
    await expect(compute.run()).rejects.toBe(LOST);
  });

  test("uses its engine for the first time while the state of the run that it joins comes in", async () => {
    const calls = await callsWhile((compute) => {
      compute.initialise();
      compute.hear({ type: "restoring" });
      compute.hear({ type: "restored", step: 5 });
    });
    expect(calls).toEqual(["initialise", "put", "digest", "put", "digest", "warm up"]);
  });

  test("computes nothing ahead when it resumes a run with all others, whose first step is its own", async () => {
    const calls = await callsWhile((compute) => {
      compute.hear({ type: "restoring" });
      compute.hear({ type: "restored", step: 5 });
    });
    expect(calls).toEqual(["put", "digest"]);
  });
});

/** What a thread asks of its trainer until it is told that the run is over. */
async function callsWhile(tell: (compute: ComputeThread) => void): Promise<readonly string[]> {
  const calls: string[] = [];
  const compute = idleThread({
    initialise: () => calls.push("initialise"),
    putParameters: () => calls.push("put"),
    digest: () => String(calls.push("digest")),
    async warmUp() {
      calls.push("warm up");
    },
  });
  const ended = compute.run();
  tell(compute);
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  compute.hear({ type: "finished", reason: "the run is completed" });
  await ended;
  return calls;
}

/** One that has nothing to compute, and nobody to tell. */
function idleThread(trainer: object = {}): ComputeThread {
  const description = { engine: "onnx", device: "cpu", runtime: "none", numThreads: 1 };
  const means = { workerId: 0, layout: [], description, trainer, tell: () => undefined };
  return new ComputeThread(means as unknown as ConstructorParameters<typeof ComputeThread>[0]);
}
