import { expect, test } from "vitest";
import { DEFAULT_WAIT_LIMITS } from "../../src/coordinator/run-plan.ts";
import { FRESH_START, initialRunState } from "../../src/coordinator/run-state.ts";
import { stepLimitMs } from "../../src/coordinator/waits.ts";
import { SMALL_PLAN } from "./simulation.ts";

/** The limit after steps that took these seconds. */
function limitSeconds(...recentSeconds: readonly number[]): number {
  const recentStepMs = recentSeconds.map((seconds) => seconds * 1000);
  return stepLimitMs({ ...initialRunState(SMALL_PLAN, FRESH_START, 0), recentStepMs }) / 1000;
}

test("the first step has the time that first uses take to compile", () => {
  expect(limitSeconds()).toBe(DEFAULT_WAIT_LIMITS.firstStepMs / 1000);
});

test("short steps have the least limit", () => {
  expect(limitSeconds(0.1, 0.1, 0.2)).toBe(DEFAULT_WAIT_LIMITS.stepMsMin / 1000);
});

test("long steps that take alike have four times their median", () => {
  expect(limitSeconds(100, 100, 101, 100)).toBeCloseTo(400);
});

test("long steps that differ have thirty median deviations more than their median", () => {
  expect(limitSeconds(80, 120, 100, 140, 60)).toBeCloseTo(100 + 30 * 20);
});

test("one step that took very long widens nothing", () => {
  expect(limitSeconds(100, 100, 9000, 100, 100)).toBeCloseTo(400);
});
