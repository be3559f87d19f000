import { expect, test } from "vitest";
import { FaultLog } from "../../src/chaos/fault-log.ts";

/** A log that has seen ten steps of 100 ms; the tenth ended at 1000 ms. */
function steadyLog(): FaultLog {
  const log = new FaultLog(30);
  for (let step = 1; step <= 10; step++) log.commit({ step, stepMs: 100 }, 100 * step);
  return log;
}

test("counts what two steps took beyond the usual as the recovery", () => {
  const log = steadyLog();
  log.note({ kind: "kill", victim: 2 }, 10, 1050);
  log.commit({ step: 11, stepMs: 100 }, 1100);
  expect(log.isRecovering).toBe(true);
  log.commit({ step: 12, stepMs: 900 }, 2000);
  expect(log.records).toEqual([
    {
      ...{ kind: "kill", what: "kill worker 2", atStep: 10, atMs: 1050 },
      ...{ recoveryMs: 750, isOverlapped: false },
    },
  ]);
});

test("says when another fault came before the recovery, of both", () => {
  const log = steadyLog();
  log.note({ kind: "exit", victim: 1 }, 10, 1050);
  log.note({ kind: "kill", victim: "coordinator" }, 10, 1060);
  log.commit({ step: 12, stepMs: 400 }, 1500);
  log.note({ kind: "exit", victim: 1 }, 12, 1510);
  expect(log.records.map(({ isOverlapped }) => isOverlapped)).toEqual([true, true, false]);
  expect(log.records.map(({ kind }) => kind)).toEqual(["exit", "kill coordinator", "exit"]);
});

test("waits for the steps to be done again when the run went back", () => {
  const log = steadyLog();
  log.note({ kind: "kill", victim: "coordinator" }, 10, 1050);
  for (let step = 5; step <= 11; step++) log.commit({ step, stepMs: 100 }, 1000 + 100 * step);
  expect(log.records[0]?.recoveryMs).toBeUndefined();
  log.commit({ step: 12, stepMs: 100 }, 2250);
  expect(log.records[0]?.recoveryMs).toBe(1000);
});

test("takes the last step for the second when there is no other", () => {
  const log = new FaultLog(10);
  for (let step = 1; step <= 9; step++) log.commit({ step, stepMs: 100 }, 100 * step);
  log.note({ kind: "kill", victim: 0 }, 9, 900);
  log.commit({ step: 10, stepMs: 100 }, 1600);
  expect(log.records[0]?.recoveryMs).toBe(600);
});
