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
});

/** One that has nothing to compute, and nobody to tell. */
function idleThread(): ComputeThread {
  const means = { workerId: 0, tell: () => undefined };
  return new ComputeThread(means as unknown as ConstructorParameters<typeof ComputeThread>[0]);
}
