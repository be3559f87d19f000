import { expect, test } from "vitest";
import { parseChaos } from "../../src/chaos/parse-chaos.ts";

const BOUNDS = { numWorkers: 4, steps: 200 };
const NO_SETTINGS = { randomPerMinute: 0, seed: 1, digest: undefined };

test("reads faults and settings, and orders the faults by step", () => {
  const text =
    "kill:2@50,freeze:1@80:500ms,cut:0-3@90,coordinator@120,exit:3@60,half-open:1@70,seed=7";
  expect(parseChaos(text, BOUNDS)).toEqual({
    ...{ ...NO_SETTINGS, seed: 7 },
    scheduled: [
      { atStep: 50, fault: { kind: "kill", victim: 2 } },
      { atStep: 60, fault: { kind: "exit", victim: 3 } },
      { atStep: 70, fault: { kind: "half-open", victim: 1, peer: "coordinator" } },
      { atStep: 80, fault: { kind: "freeze", victim: 1, forMs: 500 } },
      { atStep: 90, fault: { kind: "cut", victim: 0, peer: 3 } },
      { atStep: 120, fault: { kind: "kill", victim: "coordinator" } },
    ],
  });
});

test("reads a rate of random faults and the digest to compare with", () => {
  const digest = "0a".repeat(32);
  expect(parseChaos(`random:7.5/min,digest=${digest}`, BOUNDS)).toEqual({
    ...{ ...NO_SETTINGS, scheduled: [], randomPerMinute: 7.5, digest },
  });
});

test.each([
  ["kil:2@50", /there is no "kil". Did you mean "kill"\?/],
  ["", /there is no ""/],
  ["kill:2", /KIND:WHOM@STEP/],
  ["kill@5", /kill needs a victim, for example kill:0@5/],
  ["kill:4@50", /"4" is no worker: there are 0 to 3/],
  ["kill:2@200", /the run has 200 steps/],
  ["cut:coordinator@5", /"coordinator" is no worker/],
  ["kill:2@50:3s", /kill takes no time/],
  ["freeze:2@50:3", /a time is in s or ms/],
  ["cut:2-2@50", /two different ends/],
  ["coordinator:1@50", /names its victim already/],
  ["random:6", /random:6\/min/],
  ["random:0/min", /a rate is from/],
  ["seed=1.5", /whole number/],
  ["seed=1,seed=2", /seed is given twice/],
  ["digest=abc", /64 hexadecimal digits/],
  ["sed=3", /Did you mean "seed"/],
])("refuses %j and says why", (text, why) => {
  let error: unknown;
  try {
    parseChaos(text, BOUNDS);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ code: "ERR_CHAOS", message: expect.stringMatching(why) });
});
