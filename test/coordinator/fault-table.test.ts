import { describe, expect, test } from "vitest";
import { defined } from "../../src/base/assert.ts";
import { seededRandom } from "../../src/base/random.ts";
import type { SimulatedWorker } from "./simulated-worker.ts";
import { Simulation, SMALL_PLAN } from "./simulation.ts";

/** Who of the members is in a phase, by what the coordinator knows; undefined: nobody yet. */
const PHASES: Readonly<Record<string, (run: Simulation) => number | undefined>> = {
  joining: ({ state }) =>
    [...state.workers].find(([, { standing }]) => standing.type === "preparing")?.[0],
  computing: ({ state }) =>
    isTraining(state) ? state.members.find((id) => !state.computed.has(id)) : undefined,
  sending: ({ state }) =>
    isTraining(state) ? [...state.computed].find((id) => !state.ready.has(id)) : undefined,
  "owning a chunk": ({ state }) =>
    isTraining(state) && state.computed.size === state.members.length
      ? state.members.find((id) => !state.ready.has(id))
      : undefined,
  "awaiting the commit": ({ state }) => [...state.ready.keys()][0],
  saving: ({ state }) =>
    state.snapshot?.digest === undefined ? state.snapshot?.donorId : undefined,
  evaluating: ({ state }) => [...(state.evaluation?.outstanding.values() ?? [])][0]?.workerId,
};

const isTraining = (state: Simulation["state"]) =>
  state.phase.type === "training" && state.step > 2;

/** What is done to the coordinator, with all its links. */
const COORDINATOR_FAULTS: Readonly<Record<string, (run: Simulation) => void>> = {
  "is killed": (run) => run.killCoordinator(),
  freezes: (run) => run.freezeCoordinator(12_000),
  "has links that are half open": (run) => run.halfOpenCoordinator(),
  "is cut off in the middle of a frame": (run) => run.cutCoordinator(),
  "ends with an error": (run) => run.stopCoordinator(),
};

/** What is done to a worker. Silence is told by nobody: the link is given up after its time. */
const FAULTS: Readonly<Record<string, (run: Simulation, worker: SimulatedWorker) => void>> = {
  "is killed": (run, worker) => run.kill(worker),
  freezes: (_run, worker) => {
    worker.isFrozen = true;
  },
  "has a link that is half open": (_run, worker) => {
    // It goes on, and nothing that it says or is told gets through any more.
    Object.assign(worker.inbox, { push: () => 0 }).length = 0;
    Object.assign(worker.outbox, { push: () => 0 }).length = 0;
    worker.isFrozen = true;
  },
  "is cut off in the middle of a frame": (_run, worker) => {
    worker.inbox.length = 0;
    worker.outbox.length = Math.max(0, worker.outbox.length - 1);
    worker.isGone = true;
  },
  "ends with an error": (_run, worker) => {
    worker.outbox.push({ type: "worker-failed", code: "ERR_WORKER_STOPPED", message: "stopped" });
    worker.isGone = true;
  },
};

const cellsOf = (faults: object) =>
  Object.keys(faults).flatMap((fault) =>
    Object.keys(PHASES).map((phase) => [fault, phase] as const),
  );
const SHAPES = [
  { allReduce: "mesh", numSeeds: 20 },
  { allReduce: "star", numSeeds: 10 },
] as const;

describe.each(SHAPES)("the fault table, simulated in a $allReduce", ({ allReduce, numSeeds }) => {
  const plan = { ...SMALL_PLAN, allReduce };
  test.each(cellsOf(FAULTS))("a worker that %s while %s changes nothing", (fault, phase) => {
    for (let seed = 0; seed < numSeeds; seed++) {
      const run = new Simulation(seededRandom(seed), plan);
      for (let i = 0; i < 3; i++) run.join();
      const inPhase = defined(PHASES[phase], phase);
      run.runUntil(() => inPhase(run) !== undefined);
      const victimId = defined(inPhase(run), "a victim");
      defined(FAULTS[fault], fault)(run, defined(run.workers.get(victimId), "the victim"));
      expect(run.runToEnd(), `seed ${seed}`).toEqual({ status: "completed" });
      expect(run.state.members, `seed ${seed}`).not.toContain(victimId);
      expect(run.state.agreed?.digest).toBe(String(Simulation.parametersAfter(SMALL_PLAN.steps)));
      const steps = run.metrics.flatMap((row) => ("loss" in row ? [row.step] : []));
      expect(steps, `seed ${seed}`).toEqual(
        Array.from({ length: SMALL_PLAN.steps }, (_, i) => i + 1),
      );
    }
  });

  test.each(cellsOf(COORDINATOR_FAULTS))(
    "a coordinator that %s while somebody is %s loses no step and no worker",
    (fault, phase) => {
      for (let seed = 0; seed < numSeeds; seed++) {
        const run = new Simulation(seededRandom(seed), plan);
        for (let i = 0; i < 3; i++) run.join();
        const inPhase = defined(PHASES[phase], phase);
        run.runUntil(() => inPhase(run) !== undefined);
        defined(COORDINATOR_FAULTS[fault], fault)(run);
        expect(run.runToEnd(), `seed ${seed}`).toEqual({ status: "completed" });
        expect(run.state.agreed?.digest).toBe(String(Simulation.parametersAfter(SMALL_PLAN.steps)));
        const steps = run.metrics.flatMap((row) => ("loss" in row ? [row.step] : []));
        expect(steps, `seed ${seed}`).toEqual(
          Array.from({ length: SMALL_PLAN.steps }, (_, i) => i + 1),
        );
        const rewinds = run.records.filter(({ type }) => type === "rewind");
        expect(rewinds, `seed ${seed}`).toEqual([]);
        expect(run.living.length, `seed ${seed}`).toBe(3);
      }
    },
  );
});
