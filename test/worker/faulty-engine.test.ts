import { afterAll, beforeAll, expect, test } from "vitest";
import {
  eventsOf,
  type Running,
  smallinit,
  startFleet,
  startWorker,
  summaryOf,
  until,
} from "./processes.ts";
import { complete, prepareTrial, TRIAL_MS, type Trial } from "./trial.ts";

/** 60 steps of 8 leaves. */
const SETTINGS = [
  ...["--preset", "tiny", "--set", "engine=onnx", "--set", "steps=60"],
  ...["--set", "evaluateEvery=0"],
];

let trial: Trial;

beforeAll(async () => {
  trial = await prepareTrial("faulty", SETTINGS);
}, TRIAL_MS);

afterAll(() => trial.remove());

/** The id under which a run knows a process. */
function idOf(run: string, { child }: Running): number {
  const joined = eventsOf(run, "joined");
  const own = joined.find(({ name }) => String(name).endsWith(`/${child.pid}`));
  return Number(own?.workerId);
}

/** A coordinator that waits for `numWorkers`, one of which has a fault and is there first. */
async function startWithFault(numWorkers: number, fault: string, more: readonly string[] = []) {
  const run = trial.newRun();
  const args = ["coordinator", "--data", trial.data, "--run", run, ...SETTINGS, ...more];
  const minWorkers = ["--min-workers", String(numWorkers)];
  const { coordinator, url } = await startFleet([...args, ...minWorkers], 0);
  const faulty = startWorker(url, [], { environment: { SMALLINIT_CHAOS: fault } });
  await until("the faulty worker", coordinator, () => eventsOf(run, "joined")[0]);
  const others = Array.from({ length: numWorkers - 1 }, () => startWorker(url));
  return { run, coordinator, faulty, others };
}

test("a worker that is eight times as slow gets fewer leaves, and the bits are those of one alone", async () => {
  const { run, coordinator, faulty, others } = await startWithFault(2, "slow@computing:times=8");
  await complete(coordinator);
  for (const worker of [faulty, ...others]) await complete(worker);
  expect(summaryOf(run)).toMatchObject({
    ...{ status: "completed", workers: 2, parameterDigest: trial.undisturbedDigest },
  });
  const [first] = eventsOf(run, "leaves");
  expect(sharesOf(first)).toEqual([4, 4]);
  const [division] = eventsOf(run, "division");
  const slowId = idOf(run, faulty);
  expect(sharesOf(division)[slowId]).toBeLessThan(4);
  const commits = eventsOf(run, "commits");
  expect(commits.some((event) => Number(sharesOf(event)[slowId]) < 4)).toBe(true);
});

test("a worker whose gradients have a wrong bit is found by two others before a step counts", async () => {
  const { run, coordinator, faulty } = await startWithFault(3, "wrong@computing", ["--audit", "1"]);
  await complete(coordinator);
  const { code } = await faulty.exit;
  expect(code, faulty.output()).toBe(1);
  expect(faulty.output()).toContain("ERR_REPLICA_DIVERGED");
  expect(eventsOf(run, "lost")).toMatchObject([
    { workerId: idOf(run, faulty), step: 0, code: "ERR_REPLICA_DIVERGED" },
  ]);
  const summary = summaryOf(run);
  expect(summary).toMatchObject({ status: "completed", parameterDigest: trial.undisturbedDigest });
  // The other two agree in each of 60 steps of 8 leaves: what they computed twice was the same leaf.
  expect(summary.audit).toMatchObject({ leaves: 480, unresolved: 0 });
  expect(coordinator.output()).toMatch(/computed twice, \d+ computed differently/);
});

/** The fault that strikes in the update whose digests are the first to be compared, also with no checkpoint. */
const DRIFT_AT_50 = "drift@updating:times=51";

test("a worker whose parameters have a wrong bit is replaced when digests are compared", async () => {
  const { run, coordinator, faulty, others } = await startWithFault(3, DRIFT_AT_50);
  await complete(coordinator);
  for (const worker of others) await complete(worker);
  expect((await faulty.exit).code, faulty.output()).toBe(1);
  expect(faulty.output()).toContain("ERR_REPLICA_DIVERGED");
  expect(eventsOf(run, "lost")).toMatchObject([
    { workerId: idOf(run, faulty), code: "ERR_REPLICA_DIVERGED" },
  ]);
  expect(summaryOf(run)).toMatchObject({
    ...{ status: "completed", workers: 2, parameterDigest: trial.undisturbedDigest },
  });
});

test("of two workers that disagree neither is believed: the run goes back to where they agreed", async () => {
  const more = ["--set", "checkpointEvery=25"];
  const { run, coordinator, faulty, others } = await startWithFault(2, DRIFT_AT_50, more);
  for (const worker of [faulty, ...others]) {
    expect((await worker.exit).code, worker.output()).toBe(1);
    expect(worker.output()).toContain("ERR_REPLICA_DIVERGED");
  }
  const [, url = ""] = /smallinit worker '([^']+)'/.exec(coordinator.output()) ?? [];
  const successor = startWorker(url);
  await complete(coordinator);
  await complete(successor);
  expect(eventsOf(run, "rewind")).toMatchObject([{ from: 50, step: 25 }]);
  expect(summaryOf(run)).toMatchObject({
    ...{ status: "completed", parameterDigest: trial.undisturbedDigest },
  });
});

test("audits are refused together with engines that differ", async () => {
  const args = ["coordinator", "--data", trial.data, "--run", trial.newRun(), "--audit", "0.5"];
  const refused = smallinit([...args, "--mixed-engines"]);
  expect((await refused.exit).code).toBe(2);
  expect(refused.output()).toMatch(/^ERR_USAGE: --audit 0.5 compares bits.*Leave one of them out/m);
});

/** How many leaves each worker has, as a line of events.jsonl says. */
function sharesOf(event: Record<string, unknown> | undefined): readonly number[] {
  const leaves = Object(event).leaves as readonly { readonly lo: number; readonly hi: number }[];
  return leaves.map(({ lo, hi }) => hi - lo);
}
