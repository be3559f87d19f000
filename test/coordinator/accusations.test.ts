import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { Simulation, SMALL_PLAN } from "./simulation.ts";

const { relinkMs, accusationMs } = SMALL_PLAN.limits;

/** A run in the middle, with three members. */
function inTheMiddle(plan = SMALL_PLAN): Simulation {
  const run = new Simulation(seededRandom(3), plan);
  for (let i = 0; i < 3; i++) run.join();
  run.runUntil(() => run.state.step >= 6 && run.state.members.length === 3);
  return run;
}

/** A member says, truly or not, that its link to another is gone. */
function accuse(run: Simulation, accuserId: number, peerId: number): void {
  const { generation } = run.state;
  const message = { type: "peer-lost", generation, peerId, reason: "connection lost" } as const;
  run.dispatch({ type: "message", workerId: accuserId, message });
}

/** Lets the members link up and train until the next commit. */
function untilTheNextCommit(run: Simulation): void {
  const { step } = run.state;
  run.runUntil(() => run.state.step > step);
}

const droppedOf = ({ effects }: Simulation) =>
  effects.flatMap((effect) => (effect.type === "drop" ? [effect.workerId] : []));

describe("a member that tells of lost links", () => {
  test("is heard once of each peer in each generation, however often it repeats itself", () => {
    const run = inTheMiddle();
    for (let i = 0; i < 1000; i++) accuse(run, 0, 1);
    accuse(run, 0, 0);
    expect(run.state.accusations).toHaveLength(1);
    expect(run.records.filter(({ type }) => type === "peer-lost")).toHaveLength(1);
    expect(run.state.numStale).toBe(1000);
    run.passTime(relinkMs);
    expect(run.runToEnd().status).toBe("completed");
  });

  test("goes itself when the peer that it accuses has noticed nothing, twice in the same step", () => {
    const run = inTheMiddle();
    accuse(run, 0, 2);
    run.passTime(accusationMs);
    run.runUntil(() => run.state.phase.type === "training");
    accuse(run, 0, 2);
    run.passTime(accusationMs);
    expect(droppedOf(run)).toEqual([0]);
    expect(run.runToEnd().status).toBe("completed");
  });

  test("is one of two equals when the peer has noticed it too: the one that came last goes", () => {
    const run = inTheMiddle();
    accuse(run, 0, 2);
    accuse(run, 2, 0);
    run.passTime(relinkMs);
    run.runUntil(() => run.state.phase.type === "training");
    accuse(run, 0, 2);
    accuse(run, 2, 0);
    run.passTime(accusationMs);
    expect(droppedOf(run)).toEqual([2]);
    expect(run.runToEnd().status).toBe("completed");
  });

  test("goes when it has made all link up again six times within a minute", () => {
    const run = inTheMiddle({ ...SMALL_PLAN, steps: 40, evaluateEvery: 0 });
    for (let i = 0; i < 6; i++) {
      accuse(run, 1, 2);
      accuse(run, 2, 1);
      run.passTime(relinkMs);
      expect(run.state.members, `time ${i}`).toEqual([0, 1, 2]);
      untilTheNextCommit(run);
    }
    const { generation } = run.state;
    accuse(run, 1, 0);
    run.passTime(relinkMs);
    expect(run.state.generation).toBe(generation);
    run.passTime(accusationMs);
    expect(droppedOf(run)).toEqual([1]);
    expect(run.runToEnd().status).toBe("completed");
  });
});
