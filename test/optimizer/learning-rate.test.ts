import { describe, expect, test } from "vitest";
import { learningRateAt } from "../../src/optimizer/learning-rate.ts";
import { REFERENCE_FIXTURES, referenceFixture } from "./reference-fixture.ts";

const SCHEDULE = { learningRate: 1, minLearningRate: 0.1, warmupSteps: 4, steps: 11 };

test("rises in equal parts to the highest rate, which the last step of the warmup has", () => {
  expect([0, 1, 2, 3].map((step) => learningRateAt(step, SCHEDULE))).toEqual([0.25, 0.5, 0.75, 1]);
});

test("falls by half a cosine from the highest rate to the lowest, which the last step has", () => {
  expect(learningRateAt(4, SCHEDULE)).toBe(1);
  expect(learningRateAt(7, SCHEDULE)).toBeCloseTo(0.55, 12);
  expect(learningRateAt(10, SCHEDULE)).toBeCloseTo(0.1, 12);
});

test("stays at the lowest rate past the end of the schedule", () => {
  expect(learningRateAt(30, SCHEDULE)).toBeCloseTo(0.1, 12);
});

test.each([
  { steps: 1, warmupSteps: 0, step: 0, rate: 1, why: "a run of one step" },
  { steps: 3, warmupSteps: 2, step: 2, rate: 1, why: "one step after the warmup" },
  { steps: 3, warmupSteps: 3, step: 2, rate: 1, why: "warmup alone" },
])("divides by one where the schedule has no length: $why", ({ step, rate, ...schedule }) => {
  expect(learningRateAt(step, { ...SCHEDULE, ...schedule })).toBe(rate);
});

describe.each(REFERENCE_FIXTURES)("on %s", (name) => {
  test("gives the reference's learning rates", async () => {
    const { training, learningRates } = await referenceFixture(name);
    expect(learningRates).toHaveLength(8);
    for (const [step, rate] of learningRates.entries()) {
      expect(learningRateAt(step, training) / rate).toBeCloseTo(1, 12);
    }
  });
});
