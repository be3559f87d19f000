import { describe, expect, test } from "vitest";
import { defined } from "../../src/base/assert.ts";
import { seededRandom } from "../../src/base/random.ts";
import { auditedBy, auditsOf } from "../../src/coordinator/audits-of.ts";
import { CALM } from "./simulated-faults.ts";
import type { SimulatedWorker } from "./simulated-worker.ts";
import { Simulation, SMALL_PLAN } from "./simulation.ts";

const PLAN = { ...SMALL_PLAN, audit: { rate: 1, seed: 1 } };
const EVER = Number.POSITIVE_INFINITY;
const undisturbedDigest = String(Simulation.parametersAfter(PLAN.steps));

const RANGES = [
  { lo: 0, hi: 3 },
  { lo: 3, hi: 6 },
  { lo: 6, hi: 8 },
];

/** A run of so many members at a step in the middle. */
function inTheMiddle(numWorkers: number, plan = PLAN) {
  const run = new Simulation(seededRandom(3), { ...plan, minWorkers: numWorkers });
  const workers = Array.from({ length: numWorkers }, () => run.join());
  run.runUntil(() => run.state.step >= 6 && run.state.members.length === numWorkers);
  const worker = (i: number): SimulatedWorker => defined(workers[i], `worker ${i}`);
  return { run, worker };
}

const auditsIn = ({ records }: Simulation) => records.filter(({ type }) => type === "audit");

const lostIn = ({ records }: Simulation) =>
  records.filter(({ type }) => type === "lost").map(({ workerId }) => workerId);

const warningsOf = ({ effects }: Simulation) =>
  effects.flatMap((one) => (one.type === "log" && one.level === "warn" ? [one.text] : []));

describe("leaves are chosen for audits", () => {
  const members = [4, 7, 9];
  const processors = new Map(members.map((id) => [id, "x64"]));
  const at = (step: number) => ({
    ...{ step, members, ranges: RANGES, processors, suspects: new Map<number, number[]>() },
  });

  test("by seed, step and leaf alone, each by its owner and one other", () => {
    const audits = auditsOf({ rate: 1, seed: 5 }, at(3));
    expect(audits).toEqual(auditsOf({ rate: 1, seed: 5 }, at(3)));
    expect(audits.map(({ leaf }) => leaf)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(audits.map(({ workerIds }) => workerIds[0])).toEqual([4, 4, 4, 7, 7, 7, 9, 9]);
    for (const { workerIds } of audits) {
      expect(new Set(workerIds).size).toBe(2);
      expect(members).toEqual(expect.arrayContaining([...workerIds]));
    }
  });

  test("at the rate asked for, and each member audits", () => {
    const audits = Array.from({ length: 2000 }, (_, step) => {
      return auditsOf({ rate: 0.1, seed: 5 }, at(step));
    }).flat();
    expect(audits.length / (2000 * 8)).toBeCloseTo(0.1, 2);
    for (const id of members) {
      const asAuditor = audits.filter(({ workerIds }) => workerIds[1] === id);
      expect(asAuditor.length / audits.length).toBeGreaterThan(0.25);
    }
  });

  test.each([
    ["none at rate 0", 0, members],
    ["none without a second member", 1, [4]],
  ])("%s", (_name, rate, ids) => {
    const ranges = ids.length === 1 ? [{ lo: 0, hi: 8 }] : RANGES;
    expect(auditsOf({ rate, seed: 5 }, { ...at(0), members: ids, ranges })).toEqual([]);
  });

  test("only between members with one kind of processor", () => {
    const mixed = new Map([...processors, [4, "arm64"]]);
    const audits = auditsOf({ rate: 1, seed: 5 }, { ...at(3), processors: mixed });
    expect(audits.map(({ leaf }) => leaf)).toEqual([3, 4, 5, 6, 7]);
    for (const { workerIds } of audits) expect(workerIds.toSorted()).toEqual([7, 9]);
  });

  test("again where members have differed, by them and by one that has not", () => {
    const suspects = new Map([[3, [7, 9]]]);
    const audits = auditsOf({ rate: 1e-9, seed: 5 }, { ...at(0), suspects });
    expect(audits).toEqual([{ leaf: 3, workerIds: [7, 9, 4] }]);
    expect(auditedBy(audits, 4)).toEqual([3]);
  });

  test("without those who have left, of whom a leaf was suspect", () => {
    const suspects = new Map([[3, [7, 99]]]);
    const [audit] = auditsOf({ rate: 1e-9, seed: 5 }, { ...at(0), suspects });
    expect(audit?.workerIds[0]).toBe(7);
    expect(audit?.workerIds).toHaveLength(2);
  });

  test("of a thousand at most in a step, however many there are", () => {
    const ranges = [
      { lo: 0, hi: 2000 },
      { lo: 2000, hi: 4000 },
    ];
    const step = { ...at(0), members: [4, 7], ranges };
    expect(auditsOf({ rate: 1, seed: 1 }, step)).toHaveLength(1024);
  });
});

describe("an audited run", () => {
  test("goes on as any other while all agree, and counts its audits", () => {
    const { run } = inTheMiddle(3);
    expect(run.runToEnd()).toEqual({ status: "completed" });
    expect(auditsIn(run)).toEqual([]);
    expect(run.state.audited).toEqual({ leaves: 12 * 5, mismatches: 0, unresolved: 0 });
    expect(run.state.agreed?.digest).toBe(undisturbedDigest);
  });

  test.each([
    ["always", EVER],
    ["once", 1],
  ])("takes out the worker that computes wrongly %s, by the word of two others", (_when, times) => {
    const { run, worker } = inTheMiddle(3);
    worker(1).numWrong = times;
    expect(run.runToEnd()).toEqual({ status: "completed" });
    expect(lostIn(run)).toEqual([1]);
    expect(run.records.find(({ type }) => type === "lost")).toMatchObject({
      code: "ERR_REPLICA_DIVERGED",
      reason: expect.stringMatching(/^has other bits in the gradient of leaf \d/),
    });
    expect(auditsIn(run).every(({ outcome }) => outcome === "differ")).toBe(true);
    expect(run.state.audited.unresolved).toBe(0);
    expect(run.state.agreed?.digest).toBe(undisturbedDigest);
  });

  test("does the step again before it is committed", () => {
    const { run, worker } = inTheMiddle(3);
    worker(1).numWrong = 1;
    run.runUntil(() => run.state.suspicion !== undefined);
    const { step, generation } = run.state;
    expect(run.history.filter((commit) => commit.step === step)).toEqual([]);
    run.runUntil(() => run.state.step > step);
    const commits = run.history.filter((commit) => commit.step === step);
    expect(new Set(commits.map((commit) => commit.generation))).toEqual(new Set([generation + 1]));
  });

  test("takes out, of two, the one that erred once", () => {
    const { run, worker } = inTheMiddle(2);
    worker(1).numWrong = 1;
    expect(run.runToEnd()).toEqual({ status: "completed" });
    expect(lostIn(run)).toEqual([1]);
    expect(run.state.agreed?.digest).toBe(undisturbedDigest);
  });

  test("goes on with two that never agree, warns of both, and does no further step twice", () => {
    const { run, worker } = inTheMiddle(2);
    const { generation } = run.state;
    worker(1).numWrong = EVER;
    expect(run.runToEnd()).toEqual({ status: "completed" });
    expect(lostIn(run)).toEqual([]);
    const { audited } = run.state;
    expect(audited.unresolved).toBeGreaterThan(5);
    expect(audited.mismatches).toBe(audited.unresolved);
    expect(run.state.generation).toBe(generation + 1);
    expect(warningsOf(run)).toContainEqual(
      expect.stringMatching(
        /worker 0 \(host\/0\) and worker 1 \(host\/1\).* no majority .*smallinit doctor/,
      ),
    );
    // The first, the second, the fourth: not every one.
    expect(warningsOf(run).length).toBeLessThan(audited.unresolved);
  });

  test("takes out a worker that does not tell what it was asked for", () => {
    const { run, worker } = inTheMiddle(3);
    const { outbox } = worker(2);
    const push = outbox.push.bind(outbox);
    outbox.push = (...sayings) =>
      push(...sayings.map((one) => (one.type === "ready" ? { ...one, audited: [] } : one)));
    expect(run.runToEnd()).toEqual({ status: "completed" });
    expect(lostIn(run)).toEqual([2]);
  });

  test.each([0, 1, 2])("forgets nothing when worker %i dies before the second answer", (victim) => {
    const { run, worker } = inTheMiddle(3);
    worker(1).numWrong = EVER;
    run.runUntil(() => run.state.suspicion !== undefined);
    run.kill(worker(victim));
    expect(run.runToEnd()).toEqual({ status: "completed" });
    // Of the two that are left one may err for ever; it is found, or both are named.
    const isFound = lostIn(run).includes(1);
    expect(isFound || run.state.audited.unresolved > 0).toBe(true);
    expect(run.state.agreed?.digest).toBe(undisturbedDigest);
  });

  test.each([0, 1])("needs no answer when worker %i dies and leaves the other alone", (victim) => {
    const { run, worker } = inTheMiddle(2);
    worker(1).numWrong = 1;
    run.runUntil(() => run.state.suspicion !== undefined);
    run.kill(worker(victim));
    expect(run.runToEnd()).toEqual({ status: "completed" });
    expect(run.state.suspicion).toBeUndefined();
    expect(run.state.agreed?.digest).toBe(undisturbedDigest);
  });

  test("says once that a worker alone has no auditor", () => {
    const { run } = inTheMiddle(1);
    expect(run.runToEnd()).toEqual({ status: "completed" });
    expect(warningsOf(run)).toEqual([
      "Generation 1 has nobody with the same kind of processor as worker 0 (host/0), so their leaves " +
        "are not audited. Start another worker on such a machine for that, or leave out --audit.",
    ]);
    expect(run.state.audited.leaves).toBe(0);
  });

  test("ends with the undisturbed parameters whatever dies, comes or is cut off", () => {
    const faults = { ...CALM, kill: 0.01, join: 0.03, cut: 0.01, crash: 0.01, until: 900 };
    const plan = { ...PLAN, audit: { rate: 0.5, seed: 2 } };
    for (let seed = 0; seed < 10; seed++) {
      const run = new Simulation(seededRandom(seed), plan);
      for (let i = 0; i < 3; i++) run.join();
      for (let numEvents = 0; run.outcome === undefined; numEvents++) {
        expect(numEvents, `seed ${seed}`).toBeLessThan(20_000);
        if (run.living.length < 2 && !run.isDown) run.join();
        if (numEvents % 97 === 0) for (const one of run.living.slice(2)) one.numWrong = 1;
        run.stepOnce(faults, numEvents);
      }
      expect(run.outcome, `seed ${seed}`).toEqual({ status: "completed" });
      expect(run.state.agreed?.digest, `seed ${seed}`).toBe(undisturbedDigest);
    }
  });
});
