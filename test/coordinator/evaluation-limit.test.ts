import { expect, test } from "vitest";
import { DEFAULT_WAIT_LIMITS } from "../../src/coordinator/run-plan.ts";
import { FRESH_START, initialRunState } from "../../src/coordinator/run-state.ts";
import { evaluationLimitMs } from "../../src/coordinator/waits.ts";
import { SMALL_PLAN } from "./simulation.ts";

const QUICK = 0;
const SLOW = 1;
const NEW = 2;

/** After batches of 1 s, and of 100 s. */
const STATE = {
  ...initialRunState(SMALL_PLAN, FRESH_START, 0),
  batchMs: new Map([
    [QUICK, [1000, 1000, 1100]],
    [SLOW, [100_000, 101_000, 100_000]],
  ]),
};

test("a worker's first validation batch has the time that first uses take to compile", () => {
  expect(evaluationLimitMs(STATE, NEW)).toBe(DEFAULT_WAIT_LIMITS.evaluationMs);
});

test("short validation batches have the least limit", () => {
  expect(evaluationLimitMs(STATE, QUICK)).toBe(60_000);
});

test("a slow worker's validation batches have four times its own median, not the others'", () => {
  expect(evaluationLimitMs(STATE, SLOW)).toBeCloseTo(400_000);
});
