import { describe, expect, test } from "vitest";
import { defined } from "../../src/base/assert.ts";
import { seededRandom } from "../../src/base/random.ts";
import { CALM } from "./simulated-faults.ts";
import { Simulation, SMALL_PLAN } from "./simulation.ts";

const NUM_SEEDS = 60;

/** Far less than any deadline: silence takes 1 s to be seen, and the steps a few. */
const BROKEN_MS_MAX = 20_000;

/** Nobody pauses for a disk: what takes time is the link. */
const PLAN = { ...SMALL_PLAN, checkpointEvery: 0 };

/** A run of so many workers in which one link between two of them breaks at some time. */
function withOneBrokenLink(how: "cut" | "halfOpen", numWorkers: number, seed: number) {
  const random = seededRandom(seed, numWorkers);
  const run = new Simulation(random, PLAN);
  for (let i = 0; i < numWorkers; i++) run.join();
  const breaksAt = 30 + Math.floor(250 * random.uniform());
  let numBroken = 0;
  for (let numEvents = 0; run.state.step < PLAN.steps; numEvents++) {
    if (numEvents >= breaksAt && numBroken === 0) numBroken += Number(run.breakPeerLink(how));
    run.stepOnce(CALM, numEvents);
  }
  const trainedMs = run.nowMs;
  run.runToEnd();
  return { run, numBroken, trainedMs };
}

describe("one link between two living members", () => {
  const CASES = (["cut", "halfOpen"] as const).flatMap((how) =>
    [2, 3, 4].map((numWorkers) => [how, numWorkers] as const),
  );
  test.each(CASES)(
    "that breaks (%s) at any moment costs none of %d its place, and no step its deadline",
    (how, numWorkers) => {
      let numBroken = 0;
      for (let seed = 0; seed < NUM_SEEDS; seed++) {
        const one = withOneBrokenLink(how, numWorkers, seed);
        const label = `seed ${seed}`;
        const { outcome, state, records } = one.run;
        expect(outcome, label).toEqual({ status: "completed" });
        expect(state.agreed?.digest, label).toBe(String(Simulation.parametersAfter(PLAN.steps)));
        expect(
          records.filter(({ type }) => type === "lost"),
          label,
        ).toEqual([]);
        expect(one.trainedMs, label).toBeLessThan(BROKEN_MS_MAX);
        numBroken += one.numBroken;
      }
      expect(numBroken).toBeGreaterThan(NUM_SEEDS / 2);
    },
  );
});

describe("a member that reaches none of the others", () => {
  test.each([3, 4])("goes alone, of %d, whenever that begins", (numWorkers) => {
    let numLost = 0;
    for (let seed = 0; seed < NUM_SEEDS; seed++) {
      const random = seededRandom(seed, numWorkers);
      const run = new Simulation(random, PLAN);
      const workers = Array.from({ length: numWorkers }, () => run.join());
      const victim = defined(workers[Math.floor(numWorkers * random.uniform())], "a victim");
      const isolatedAt = 30 + Math.floor(250 * random.uniform());
      for (let numEvents = 0; run.state.step < PLAN.steps; numEvents++) {
        if (numEvents === isolatedAt) run.isolate(victim);
        run.stepOnce(CALM, numEvents);
      }
      const lost = run.records.flatMap(({ type, workerId }) => (type === "lost" ? [workerId] : []));
      expect(
        lost.filter((id) => id !== victim.id),
        `seed ${seed}`,
      ).toEqual([]);
      expect(run.runToEnd(), `seed ${seed}`).toEqual({ status: "completed" });
      numLost += lost.length;
    }
    expect(numLost).toBeGreaterThan(NUM_SEEDS / 2);
  });
});
