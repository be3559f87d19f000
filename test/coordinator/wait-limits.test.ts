import { expect, test } from "vitest";
import { DEFAULT_WAIT_LIMITS } from "../../src/coordinator/run-plan.ts";
import { FRESH_START, initialRunState } from "../../src/coordinator/run-state.ts";
import {
  evaluationLimitMs,
  stateLimitMs,
  stepLimitMs,
  waitsOf,
} from "../../src/coordinator/waits.ts";
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

/** A model of 124 million parameters: 1.5 GB of state. */
const LARGE = { ...STATE, layout: [{ name: "all", shape: [124_000, 1000] }] };

test("a state may take a minute and the time of its bytes at 1 MB/s", () => {
  expect(stateLimitMs(STATE)).toBe(60_000);
  expect(stateLimitMs(LARGE)).toBe(60_000 + 12 * 124_000);
});

test.each([
  ["quick", QUICK, 60_000],
  ["slow", SLOW, 400_000],
])(
  "a %s member may finish its step and its validation batch before it sends a snapshot",
  (_, donorId, busyMs) => {
    const recentStepMs = [500, 510, 490];
    const known = { trainLoss: 1, validationLoss: 1, evaluatedStep: 4 };
    const snapshot = { donorId, step: 5, sinceMs: 0, digest: undefined, isSaved: false, known };
    const [wait] = waitsOf({ ...LARGE, recentStepMs, snapshot }).filter(
      ({ kind }) => kind === "snapshot",
    );
    expect(wait?.limitMs).toBeCloseTo(60_000 + 12 * 124_000 + busyMs);
  },
);
