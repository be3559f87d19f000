import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import type { RunPlan } from "../../src/coordinator/run-plan.ts";
import { transition } from "../../src/coordinator/transition.ts";
import { CALM, type FaultCounts, type Faults } from "./simulated-faults.ts";
import { lossOf } from "./simulated-worker.ts";
import { Simulation, SMALL_PLAN } from "./simulation.ts";

const NUM_EVENTS_MAX = 20_000;

/** One seed alone, to replay a failure, or as many of each kind as take two or three seconds. */
const { SEED } = process.env;
const NUM_SEEDS = 200;
const NUM_STAR_SEEDS = 100;
const SEEDS = SEED === undefined ? Array.from({ length: NUM_SEEDS }, (_, i) => i) : [Number(SEED)];

const NO_STEPS: ReadonlySet<number> = new Set();
const STAR_PLAN: RunPlan = { ...SMALL_PLAN, allReduce: "star" };

/** What all schedules together did. */
const happened: FaultCounts = new Map();

const seedsFrom = (first: number, length: number) =>
  SEED === undefined ? Array.from({ length }, (_, i) => first + i) : [Number(SEED)];

/** Runs a schedule to its end; workers come by themselves when nobody is left. */
function simulate(seed: number, faults: Faults, { badSteps = NO_STEPS, plan = SMALL_PLAN } = {}) {
  const simulation = new Simulation(seededRandom(seed), plan);
  for (const step of badSteps) simulation.badSteps.add(step);
  for (let i = 0; i < 3; i++) simulation.join();
  for (let numEvents = 0; simulation.outcome === undefined; numEvents++) {
    // Only then: an assertion for each event would take most of the time.
    if (numEvents > NUM_EVENTS_MAX) expect.fail(`does not end: ${replayOf(seed)}`);
    const { living, isDown, state, plan } = simulation;
    const isShort = living.length === 0 || (!state.hasBegun && living.length < plan.minWorkers);
    if (isShort && !isDown) simulation.join();
    simulation.stepOnce(faults, numEvents);
  }
  for (const [kind, count] of simulation.counts) {
    happened.set(kind, (happened.get(kind) ?? 0) + count);
  }
  return simulation;
}

/** Steps whose loss stands in the metrics, in order. */
const stepsOf = ({ metrics }: Simulation) =>
  metrics.flatMap((row) => ("loss" in row ? [row.step] : []));

const validationsOf = ({ metrics }: Simulation) =>
  metrics.flatMap((row) => ("validationLoss" in row ? [[row.step, row.validationLoss]] : []));

/** What three batches give after `step` undisturbed updates, added in their order. */
function validationLossAfter(step: number): number {
  const parameters = Simulation.parametersAfter(step);
  return (lossOf(parameters, -1) + lossOf(parameters, -2) + lossOf(parameters, -3)) / 30;
}

function expectUndisturbed(simulation: Simulation, seed: number): void {
  const { plan, outcome, state } = simulation;
  const label = replayOf(seed);
  expect(outcome, label).toEqual({ status: "completed" });
  expect(state.agreed, label).toEqual({
    step: plan.steps,
    digest: String(Simulation.parametersAfter(plan.steps)),
  });
  for (const worker of simulation.living) {
    expect(worker.parameters, label).toBe(Simulation.parametersAfter(worker.step));
  }
  expectCommitsOnce(simulation, label);
  // Rows that the disk had not been told to keep are missed after a power cut, and that is recorded.
  if (simulation.records.some(({ type }) => type === "journal-gap")) return;
  expect(stepsOf(simulation), label).toEqual(Array.from({ length: plan.steps }, (_, i) => i + 1));
  const expected = [4, 8, 12].map((step) => [step, validationLossAfter(step)]);
  expect(validationsOf(simulation), label).toEqual(expected);
}

/** The command that runs the seed of the test at hand alone. */
function replayOf(seed: number): string {
  const name = expect.getState().currentTestName?.split(" > ").at(-1);
  return `SEED=${seed} npx vitest run test/coordinator/transition.test.ts -t "${name}"`;
}

/** The log counts every leaf of every step once; what the run has gone back on is counted again. */
function expectCommitsOnce({ records, plan }: Simulation, label: string): void {
  let step = 0;
  for (const event of records) {
    if (event.type === "rewind") step = Number(event.step);
    if (event.type !== "commits" && event.type !== "journal-gap") continue;
    if (event.from !== step) expect(event.from, label).toBe(step);
    step = Number(event.to);
    if (event.type === "journal-gap") continue;
    const leaves: readonly { readonly lo: number; readonly hi: number }[] = Object(event.leaves);
    const starts = [0, ...leaves.map(({ hi }) => hi)];
    expect(
      leaves.map(({ lo }) => lo),
      label,
    ).toEqual(starts.slice(0, -1));
    expect(starts.at(-1), label).toBe(plan.numLeaves);
  }
  expect(step, label).toBe(plan.steps);
}

describe("a run", () => {
  test("completes every step once when nothing happens", () => {
    const simulation = simulate(1, CALM);
    expectUndisturbed(simulation, 1);
    expect(simulation.state.saved.step).toBe(12);
    const moments = new Set(
      simulation.history.map(({ generation, step }) => `${generation}/${step}`),
    );
    expect(moments.size).toBe(12);
  });

  const SCHEDULES: readonly (readonly [string, Faults])[] = [
    ["workers are killed", { kill: 0.02, freeze: 0, join: 0.02, failSave: 0, until: 600 }],
    ["workers freeze", { kill: 0, freeze: 0.02, join: 0.02, failSave: 0, until: 600 }],
    ["workers come all the time", { kill: 0, freeze: 0, join: 0.05, failSave: 0, until: 300 }],
    ["everything goes wrong", { kill: 0.04, freeze: 0.03, join: 0.07, failSave: 0.5, until: 900 }],
    ["links are cut", { ...CALM, cut: 0.03, join: 0.01, until: 600 }],
    ["the coordinator is killed", { ...CALM, crash: 0.02, until: 900 }],
    ["the coordinator's machine loses power", { ...CALM, crash: 0.02, powerCut: 1, until: 900 }],
    ["the disk is full for a while", { ...CALM, crash: 0.02, fullDisk: 0.02, until: 900 }],
    ["workers freeze and thaw", { ...CALM, freeze: 0.02, thaw: 0.02, join: 0.01, until: 600 }],
    ["links between workers are cut", { ...CALM, peerCut: 0.02, join: 0.01, until: 600 }],
    [
      "links between workers are half open",
      { ...CALM, peerHalfOpen: 0.02, join: 0.01, until: 600 },
    ],
    ["links are half open", { ...CALM, halfOpen: 0.03, join: 0.01, until: 600 }],
    [
      "links are slow and messages come twice",
      { ...CALM, delay: 0.05, duplicate: 0.1, join: 0.01, until: 900 },
    ],
    [
      "the coordinator and workers are killed",
      { ...CALM, crash: 0.02, kill: 0.01, join: 0.02, cut: 0.01, failSave: 0.1, until: 900 },
    ],
    [
      "everything goes wrong, the coordinator too",
      { kill: 0.03, freeze: 0.02, join: 0.06, failSave: 0.6, cut: 0.02, crash: 0.02, until: 900 },
    ],
    [
      "all of these faults meet",
      {
        ...{ kill: 0.02, freeze: 0.02, thaw: 0.03, join: 0.05, failSave: 0.5, cut: 0.02 },
        ...{ halfOpen: 0.02, delay: 0.02, duplicate: 0.05, crash: 0.02, powerCut: 0.2, until: 900 },
        ...{ peerCut: 0.02, peerHalfOpen: 0.01 },
      },
    ],
  ];
  test.each(SCHEDULES)("ends with the undisturbed parameters when %s", (_name, faults) => {
    for (const seed of SEEDS) expectUndisturbed(simulate(seed, faults), seed);
  });

  /** Without links between workers there is nothing to break there. */
  const STAR_SCHEDULES = SCHEDULES.filter(([name]) => !name.startsWith("links between workers"));
  test.each(STAR_SCHEDULES)("ends so in a star, too, when %s", (_name, faults) => {
    for (const seed of seedsFrom(NUM_SEEDS, NUM_STAR_SEEDS)) {
      expectUndisturbed(simulate(seed, faults, { plan: STAR_PLAN }), seed);
    }
  });

  test("loses no step and computes none twice as long as its workers live", () => {
    for (const seed of SEEDS) {
      const simulation = simulate(seed, {
        ...CALM,
        crash: 0.03,
        cut: 0.01,
        until: 900,
      });
      expectUndisturbed(simulation, seed);
      const rewinds = simulation.records.filter(({ type }) => type === "rewind");
      expect(rewinds, replayOf(seed)).toEqual([]);
      for (const { updates } of simulation.workers.values()) {
        expect(updates, replayOf(seed)).toEqual([...new Set(updates)]);
      }
    }
  });

  test("ends as one in which nothing happens when some steps are skipped as well", () => {
    const skipped = new Set([2, 3, 7]);
    const [, faults] = SCHEDULES[3] ?? ["", CALM];
    for (const seed of seedsFrom(0, 100)) {
      const { outcome, state, metrics } = simulate(seed, faults, { badSteps: skipped });
      expect(outcome, `seed ${seed}`).toEqual({ status: "completed" });
      const digest = String(Simulation.parametersAfter(12, skipped));
      expect(state.agreed, `seed ${seed}`).toEqual({ step: 12, digest });
      const marked = metrics.flatMap((row) => ("skipped" in row ? [row.step - 1] : []));
      expect(marked, `seed ${seed}`).toEqual([...skipped]);
    }
  });

  // Faults that never come to pass prove nothing.
  test.skipIf(SEED !== undefined)(
    `met every kind of fault a thousand times in the ${(SCHEDULES.length + 1) * NUM_SEEDS + STAR_SCHEDULES.length * NUM_STAR_SEEDS + 100} schedules above`,
    () => {
      const kinds = [
        ...(["kill", "freeze", "thaw", "join", "failSave", "cut", "halfOpen", "delay"] as const),
        ...(["duplicate", "reorder", "lose", "crash", "powerCut", "fullDisk"] as const),
        ...(["peerCut", "peerHalfOpen"] as const),
      ];
      for (const kind of kinds) expect(happened.get(kind), kind).toBeGreaterThan(1000);
      expect([...happened.keys()].sort()).toEqual([...kinds].sort());
    },
  );

  test("decides the same for the same events", () => {
    const [, faults] = SCHEDULES[3] ?? ["", CALM];
    expect(simulate(5, faults).effects).toEqual(simulate(5, faults).effects);
  });

  test("changes no state that it was given", () => {
    const { state } = simulate(1, CALM);
    const { state: before } = new Simulation(seededRandom(1));
    for (const one of [state, before]) {
      const copy = structuredClone(one);
      transition(one, { type: "stop" }, 10);
      transition(one, { type: "tick" }, 1e9);
      expect(one).toEqual(copy);
    }
  });
});
