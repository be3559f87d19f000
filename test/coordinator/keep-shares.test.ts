import { describe, expect, test } from "vitest";
import { defined } from "../../src/base/assert.ts";
import { seededRandom } from "../../src/base/random.ts";
import type { RunPlan } from "../../src/coordinator/run-plan.ts";
import type { SimulatedWorker } from "./simulated-worker.ts";
import { Simulation, SMALL_PLAN } from "./simulation.ts";

const PLAN = { ...SMALL_PLAN, steps: 30, numLeaves: 16, minWorkers: 4, evaluateEvery: 0 };

/** A run of four workers at a later step, which takes `leafMs` for a leaf. */
function fleetAt(step: number, plan: RunPlan = PLAN, leafMs = 1) {
  const run = new Simulation(seededRandom(3), plan);
  const workers = Array.from({ length: plan.minWorkers }, () => run.join());
  for (const each of workers) each.leafMs = leafMs;
  run.runUntil(() => run.state.step >= step);
  return { run, workers, worker: (i: number): SimulatedWorker => defined(workers[i], "a worker") };
}

/** The same in a step whose leaves are all computed, and which cannot end, since worker 1 sends nothing. */
function fleetThatHasComputed(plan: RunPlan = PLAN) {
  const fleet = fleetAt(12, plan);
  const { run, workers, worker } = fleet;
  worker(1).isMute = true;
  run.runUntil(() => {
    const isIdle = workers.every(({ canWork }) => !canWork);
    return isIdle && run.state.computed.size === run.state.members.length;
  });
  return { ...fleet, step: run.state.step };
}

/** How a step was assigned, generation after generation. */
const assignsOf = ({ effects }: Simulation, step: number) =>
  effects.flatMap((effect) => {
    if (effect.type !== "assign" || effect.step !== step) return [];
    const sizes = effect.ranges.map(({ lo, hi }) => hi - lo);
    return [{ keep: effect.keep, sizes }];
  });

function expectUndisturbed(run: Simulation): void {
  expect(run.runToEnd()).toEqual({ status: "completed" });
  const digest = String(Simulation.parametersAfter(PLAN.steps));
  expect(run.state.agreed).toEqual({ step: PLAN.steps, digest });
}

describe("who is left when a member dies in a step", () => {
  test("computes its leaves alone, which its neighbours get, and shares evenly from the next step on", () => {
    const { run, workers, worker, step } = fleetThatHasComputed();
    run.kill(worker(1));
    expectUndisturbed(run);
    expect(assignsOf(run, step)).toEqual([
      { keep: false, sizes: [4, 4, 4, 4] },
      { keep: true, sizes: [6, 6, 4] },
    ]);
    const next = assignsOf(run, step + 1).at(-1);
    expect(next?.keep).toBe(false);
    expect(next?.sizes.toSorted()).toEqual([5, 5, 6]);
    const numComputed = workers.reduce((sum, each) => sum + each.numComputed, 0);
    // Those of the next step, too, were computed once.
    expect(numComputed).toBe(PLAN.steps * PLAN.numLeaves + 4);
  });

  test("divides the leaves as usual when that leaves the slowest less to do", () => {
    // Such leaves that nobody can have one yet.
    const { run, workers, worker } = fleetAt(12, PLAN, 1e9);
    for (const each of workers) each.isStuck = true;
    const { step } = run.state;
    run.kill(worker(0));
    run.runUntil(() => run.state.generation > 1);
    for (const each of workers) each.isStuck = false;
    expectUndisturbed(run);
    const again = assignsOf(run, step).at(-1);
    expect(again?.keep).toBe(true);
    // The one beside it would have eight of its own and of the dead.
    expect(again?.sizes.toSorted()).toEqual([5, 5, 6]);
  });

  test("divides them as usual where the bits depend on that, and keeps what still fits", () => {
    const { run, worker, step } = fleetThatHasComputed({ ...PLAN, dividesBySpeed: false });
    run.kill(worker(1));
    expectUndisturbed(run);
    const again = assignsOf(run, step).at(-1);
    expect(again?.keep).toBe(true);
    expect(again?.sizes.toSorted()).toEqual([5, 5, 6]);
  });

  test("keeps all that it had when another dies before the step is assigned again", () => {
    const { run, worker, step } = fleetThatHasComputed();
    run.kill(worker(1));
    run.runUntil(() => run.state.generation > 1 && run.state.phase.type === "linking");
    run.kill(worker(3));
    expectUndisturbed(run);
    expect(assignsOf(run, step).at(-1)).toEqual({ keep: true, sizes: [8, 8] });
  });
});

describe("everything is computed again", () => {
  test("when members have found different bits in a leaf", () => {
    const { run, worker } = fleetAt(12, { ...PLAN, audit: { rate: 1, seed: 1 } });
    worker(2).numWrong = Number.POSITIVE_INFINITY;
    run.runUntil(() => run.state.suspicion !== undefined);
    const { step } = run.state;
    expectUndisturbed(run);
    // Once more with all, then without the one that errs.
    expect(assignsOf(run, step).map(({ keep, sizes }) => [keep, sizes.length])).toEqual([
      [false, 4],
      [false, 4],
      [false, 3],
    ]);
  });

  test("by workers who come back after the loss of the last", () => {
    const { run, step } = fleetThatHasComputed();
    run.cutCoordinator();
    expectUndisturbed(run);
    expect(assignsOf(run, step)[1]?.keep).toBe(false);
  });
});
