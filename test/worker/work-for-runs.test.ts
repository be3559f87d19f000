import { expect, test } from "vitest";
import { type ErrorCode, TrainerError } from "../../src/base/errors.ts";
import { silentLog } from "../../src/base/log.ts";
import type { WorkerOptions } from "../../src/worker/run-worker.ts";
import { workForRuns } from "../../src/worker/work-for-runs.ts";
import { FakeClock } from "../fake-clock.ts";

const TIMEOUT_MS = 3000;

/** Works where each call meets the next of `encounters`: the end of a run, or an error. */
function work(encounters: readonly ("run" | ErrorCode)[]) {
  const clock = new FakeClock();
  const worker = { timeoutMs: TIMEOUT_MS, log: silentLog } as unknown as WorkerOptions;
  let numCalls = 0;
  const runs = workForRuns({
    ...{ worker, clock },
    async runOnce() {
      const met = encounters[numCalls++] ?? "ERR_CONNECT_TIMEOUT";
      if (met === "run") return { reason: "the run is completed" };
      throw new TrainerError(met, "met");
    },
  });
  return { runs, clock };
}

/** Lets time pass until `promise` is settled. */
async function settled<T>(promise: Promise<T>, clock: FakeClock): Promise<T> {
  let isSettled = false;
  const mark = () => {
    isSettled = true;
  };
  promise.then(mark, mark);
  while (!isSettled) {
    clock.advance(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return await promise;
}

test("works for run after run, also when the next is not there yet, until nobody answers", async () => {
  const { runs, clock } = work(["run", "ERR_RUN_ENDED", "ERR_COORDINATOR_LOST", "run", "run"]);
  expect(await settled(runs, clock)).toBe(3);
  expect(clock.nowMs()).toBeGreaterThanOrEqual(TIMEOUT_MS);
});

test.each<ErrorCode>(["ERR_CONNECT", "ERR_RUN_ENDED", "ERR_COORDINATOR_LOST"])(
  "fails with %s when there was no run at all",
  async (code) => {
    await expect(work([code]).runs).rejects.toMatchObject({ code });
  },
);

test.each<ErrorCode>(["ERR_REJECTED", "ERR_ENGINE", "ERR_WORKER_STOPPED"])(
  "ends at once with %s, which waiting does not mend",
  async (code) => {
    await expect(work(["run", code]).runs).rejects.toMatchObject({ code });
  },
);
