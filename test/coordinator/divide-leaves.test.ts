import { describe, expect, test } from "vitest";
import { defined } from "../../src/base/assert.ts";
import { seededRandom } from "../../src/base/random.ts";
import { CALM, type Faults } from "./simulated-faults.ts";
import { Simulation, SMALL_PLAN } from "./simulation.ts";

const PLAN = { ...SMALL_PLAN, steps: 60, numLeaves: 16, minWorkers: 4, evaluateEvery: 0 };

/** A run of four workers, one of which takes `slowMs` for a leaf and the others 70. */
function fleetWith(slowMs: number, plan = PLAN, seed = 5): Simulation {
  const run = new Simulation(seededRandom(seed), plan);
  [70, 70, 70, slowMs].forEach((leafMs) => {
    run.join().leafMs = leafMs;
  });
  return run;
}

const workerOf = (run: Simulation, id: number) => defined(run.workers.get(id), `worker ${id}`);

const recordsOf = ({ records }: Simulation, type: string) =>
  records.filter((record) => record.type === type);

/** How many leaves each worker had, division after division, as events.jsonl tells of the commits. */
function sharesOf(run: Simulation): readonly (readonly number[])[] {
  return recordsOf(run, "commits").map(({ leaves }) =>
    (leaves as readonly { lo: number; hi: number }[]).map(({ lo, hi }) => hi - lo),
  );
}

function expectUndisturbed(run: Simulation): void {
  const digest = String(Simulation.parametersAfter(PLAN.steps));
  expect(run.state.agreed).toEqual({ step: PLAN.steps, digest });
}

describe("a slow worker", () => {
  test("gets fewer leaves once it has been measured, which is told, and the result is the same", () => {
    const run = fleetWith(140);
    expect(run.runToEnd()).toEqual({ status: "completed" });
    expectUndisturbed(run);
    const shares = sharesOf(run);
    expect(shares[0]).toEqual([4, 4, 4, 4]);
    expect(shares.at(-1)?.[3]).toBe(2);
    expect(recordsOf(run, "division")).toMatchObject([{ generation: 1, fromMs: 560, toMs: 350 }]);
    const said = run.effects.flatMap((effect) => (effect.type === "log" ? [effect.text] : []));
    expect(said).toContainEqual(
      expect.stringMatching(
        /^Step \d+: worker 3 \(host\/3\) takes 140 ms a leaf, the others 70: it gets 2 of 16 leaves\.$/,
      ),
    );
  });

  test("keeps its part of the steps that were assigned before", () => {
    const run = fleetWith(140);
    run.runUntil(() => recordsOf(run, "division").length > 0);
    const [division] = recordsOf(run, "division");
    expect(run.state.assigned.get(run.state.step)?.map(({ lo, hi }) => hi - lo)).toEqual([
      ...[4, 4, 4, 4],
    ]);
    expect(division?.step).toBe(run.state.step + 1);
    run.runToEnd();
    const isUneven = sharesOf(run).findIndex((sizes) => sizes[3] !== 4);
    expect(recordsOf(run, "commits")[isUneven]?.from).toBe(division?.step);
  });

  test("gets its leaves back when it is as fast as the others, twenty steps later at the earliest", () => {
    const run = fleetWith(140);
    run.runUntil(() => recordsOf(run, "division").length > 0);
    const since = run.state.step;
    workerOf(run, 3).leafMs = 70;
    run.runToEnd();
    expect(sharesOf(run).at(-1)).toEqual([4, 4, 4, 4]);
    const [, back] = recordsOf(run, "division");
    expect(Number(back?.step)).toBeGreaterThanOrEqual(since + 20);
    expectUndisturbed(run);
  });

  test("keeps fewer leaves when the others form a fleet without another", () => {
    const run = fleetWith(140);
    run.runUntil(() => recordsOf(run, "division").length > 0);
    run.kill(workerOf(run, 0));
    run.runToEnd();
    const last = sharesOf(run).at(-1);
    expect(last).toHaveLength(3);
    expect(last?.[2]).toBeLessThan(4);
    expectUndisturbed(run);
  });

  test("counts as the middle one of the others when it has just come", () => {
    const run = fleetWith(140);
    run.runUntil(() => recordsOf(run, "division").length > 0);
    run.join().leafMs = 70;
    run.runUntil(() => run.state.members.length === 5 && run.state.division !== undefined);
    const sizes = run.state.division?.ranges.map(({ lo, hi }) => hi - lo);
    expect(sizes?.[3]).toBeLessThan(Number(sizes?.[4]));
    run.runToEnd();
    expectUndisturbed(run);
  });
});

describe("leaves stay divided evenly", () => {
  test.each([
    ["a leaf less would make no step a tenth shorter", fleetWith(76)],
    ["bits would depend on the division", fleetWith(140, { ...PLAN, dividesBySpeed: false })],
    ["there are as many workers as leaves", fleetWith(140, { ...PLAN, numLeaves: 4 })],
    ["some workers have no leaf", fleetWith(140, { ...PLAN, numLeaves: 3 })],
  ])("while %s", (_why, run) => {
    run.runToEnd();
    expect(recordsOf(run, "division")).toEqual([]);
    const sizes = defined(sharesOf(run)[0], "commits");
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
  });

  test("while a worker is slow for four steps and no more", () => {
    const run = fleetWith(70);
    run.runUntil(() => run.state.step === 20);
    workerOf(run, 1).leafMs = 900;
    run.runUntil(() => run.state.step === 24);
    workerOf(run, 1).leafMs = 70;
    run.runToEnd();
    expect(recordsOf(run, "division")).toEqual([]);
  });
});

test("every leaf of every step counts once when workers of all speeds die, come and are cut off", () => {
  const faults: Faults = {
    ...CALM,
    kill: 0.005,
    join: 0.01,
    cut: 0.005,
    crash: 0.002,
    until: 1500,
  };
  let numDivisions = 0;
  for (let seed = 0; seed < 10; seed++) {
    const random = seededRandom(seed, 77);
    const run = fleetWith(300, PLAN, seed);
    for (let numEvents = 0; run.outcome === undefined; numEvents++) {
      expect(numEvents, `seed ${seed}`).toBeLessThan(40_000);
      if (run.living.length < 2 && !run.isDown) run.join().leafMs = 50 + 400 * random.uniform();
      run.stepOnce(faults, numEvents);
    }
    expect(run.outcome, `seed ${seed}`).toEqual({ status: "completed" });
    expectUndisturbed(run);
    let step = 0;
    for (const event of run.records) {
      if (event.type === "rewind") step = Number(event.step);
      if (event.type !== "commits") continue;
      expect(event.from, `seed ${seed}`).toBe(step);
      step = Number(event.to);
    }
    expect(step).toBe(PLAN.steps);
    numDivisions += recordsOf(run, "division").length;
  }
  expect(numDivisions).toBeGreaterThan(10);
});
