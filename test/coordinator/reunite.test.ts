import { expect, test } from "vitest";
import { defined } from "../../src/base/assert.ts";
import { seededRandom } from "../../src/base/random.ts";
import type { RunEvent } from "../../src/coordinator/run-events.ts";
import { FRESH_START, initialRunState } from "../../src/coordinator/run-state.ts";
import { transition } from "../../src/coordinator/transition.ts";
import { PROTOCOL_VERSION } from "../../src/protocol/messages.ts";
import { Simulation, SMALL_PLAN } from "./simulation.ts";

const { regroupMs, reunionMs } = SMALL_PLAN.limits;
const undisturbedDigest = String(Simulation.parametersAfter(SMALL_PLAN.steps));

/** Three members lose their coordinator; all but `missing` have called the next one. */
function regrouping(seed: number, missing: readonly number[], plan = SMALL_PLAN) {
  const run = new Simulation(seededRandom(seed), plan);
  const workers = [run.join(), run.join(), run.join()];
  run.runUntil(() => run.state.step >= 6 && run.state.members.length === 3);
  const absent = missing.map((index) => defined(workers[index], "a worker"));
  for (const worker of absent) worker.isFrozen = true;
  run.stopCoordinator();
  run.runUntil(() => !run.isDown && (run.state.reunion?.held.size ?? 0) === 3 - missing.length);
  return { run, absent };
}

/** What the coordinator knew when its workers became a fleet again, just before. */
function untilTheFleet(run: Simulation) {
  let before = defined(run.state.reunion, "a reunion");
  run.runUntil(() => {
    before = run.state.reunion ?? before;
    return run.state.members.length > 0;
  });
  return before;
}

test("all members that are back with the newest step go on at once", () => {
  const { run } = regrouping(1, []);
  const { cameMs } = untilTheFleet(run);
  expect(run.state.members).toHaveLength(3);
  expect(run.nowMs - cameMs).toBeLessThan(regroupMs);
  expect(run.runToEnd().status).toBe("completed");
});

test("those who hold the newest step wait but shortly for the rest, who join when they come", () => {
  for (let seed = 0; seed < 20; seed++) {
    const { run, absent } = regrouping(seed, [2]);
    const { cameMs, sinceMs, journal } = untilTheFleet(run);
    expect(run.state.members, `seed ${seed}`).toHaveLength(2);
    expect(run.state.step).toBeGreaterThanOrEqual(journal.step);
    expect(run.nowMs - cameMs).toBeGreaterThanOrEqual(regroupMs);
    expect(run.nowMs - sinceMs).toBeLessThan(reunionMs);
    for (const worker of absent) run.thaw(worker);
    run.runUntil(() => run.state.members.length === 3 || run.outcome !== undefined);
    expect(run.runToEnd().status).toBe("completed");
    expect(run.state.agreed?.digest).toBe(undisturbedDigest);
  }
});

test("a step that the run has gone back from is not taken again from one who still holds it", () => {
  for (let seed = 0; seed < 20; seed++) {
    const plan = { ...SMALL_PLAN, checkpointEvery: 0 };
    const { run, absent } = regrouping(seed, [0, 1, 2], plan);
    const heldStep = Math.max(...absent.map(({ step }) => step));
    for (let i = 0; i < 2; i++) run.join();
    run.passTime(reunionMs);
    run.runUntil(() => run.state.members.length === 2);
    expect(run.state.step, `seed ${seed}`).toBeLessThan(heldStep);
    // Its successor is killed as well, with its workers, and those of the first come back.
    for (const worker of run.living) run.kill(worker);
    run.stopCoordinator();
    for (const worker of absent) run.thaw(worker);
    run.runUntil(() => !run.isDown && (run.state.reunion?.held.size ?? 0) === 3);
    run.passTime(reunionMs);
    expect(run.runToEnd()).toEqual({ status: "completed" });
    expect(run.state.agreed?.digest).toBe(undisturbedDigest);
    expect(run.records.filter(({ type }) => type === "journal-gap")).toEqual([]);
    const steps = run.metrics.flatMap((row) => ("loss" in row ? [row.step] : []));
    expect(steps).toEqual(Array.from({ length: SMALL_PLAN.steps }, (_, i) => i + 1));
  }
});

/** A worker comes back one step behind a journal of six steps, the last of generation 4. Gives what it is sent. */
function sentToTheReturned(sumGeneration: number) {
  const known = { trainLoss: 1, validationLoss: undefined, evaluatedStep: -1, voidThrough: 0 };
  const journal = { ...known, step: 6, committedIn: 4, memberIds: [0] };
  const hello = { type: "hello", protocolVersion: PROTOCOL_VERSION, name: "host/1" } as const;
  const held = { runId: SMALL_PLAN.runId, step: 5, digest: "five", sumGeneration };
  const engine = { engine: "tfjs", device: "cpu", runtime: "none", numThreads: 1 } as const;
  const layout = [{ name: "embed.weight", shape: [2, 2] }];
  const prepared = { type: "prepared", step: 5, digest: "five", layout, ...engine } as const;
  const events: readonly RunEvent[] = [
    {
      ...{ type: "hello", workerId: 7, host: "::1" },
      hello: { ...hello, packageVersion: "0", peerPort: 1, held },
    },
    { type: "message", workerId: 7, message: { ...prepared, processor: "x64" } },
  ];
  let state = initialRunState(SMALL_PLAN, FRESH_START, 0, { generation: 4, journal });
  return events.flatMap((event) => {
    const next = transition(state, event, 0);
    state = next.state;
    return next.effects.flatMap((effect) => (effect.type === "send" ? [effect.message.type] : []));
  });
}

test("who holds the sum with which the newest step was committed is told that it counts", () => {
  expect(sentToTheReturned(4)).toEqual(["late-commit"]);
});

test("who holds the sum of a generation in which that step was not committed is not told to use it", () => {
  expect(sentToTheReturned(3)).toEqual([]);
});
