import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { transition } from "../../src/coordinator/transition.ts";
import { lossOf } from "./simulated-worker.ts";
import { CALM, type Faults, Simulation } from "./simulation.ts";

const NUM_EVENTS_MAX = 20_000;

/** Runs a schedule to its end; workers come by themselves when nobody is left. */
function simulate(seed: number, faults: Faults): Simulation {
  const simulation = new Simulation(seededRandom(seed));
  for (let i = 0; i < 3; i++) simulation.join();
  for (let numEvents = 0; simulation.outcome === undefined; numEvents++) {
    if (numEvents > NUM_EVENTS_MAX) throw new Error(`seed ${seed} does not end`);
    if (simulation.living.length === 0) simulation.join();
    simulation.stepOnce(faults, numEvents);
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
  const label = `seed ${seed}`;
  expect(outcome, label).toEqual({ status: "completed" });
  expect(state.agreed, label).toEqual({
    step: plan.steps,
    digest: String(Simulation.parametersAfter(plan.steps)),
  });
  expect(stepsOf(simulation), label).toEqual(Array.from({ length: plan.steps }, (_, i) => i + 1));
  const expected = [4, 8, 12].map((step) => [step, validationLossAfter(step)]);
  expect(validationsOf(simulation), label).toEqual(expected);
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
  ];
  test.each(SCHEDULES)("ends with the undisturbed parameters when %s", (_name, faults) => {
    for (let seed = 0; seed < 150; seed++) expectUndisturbed(simulate(seed, faults), seed);
  });

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
