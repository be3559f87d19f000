import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defined } from "../../src/base/assert.ts";
import type { TraceEvent } from "../../src/worker/chrome-trace.ts";
import {
  eventsOf,
  isRunning,
  linesOf,
  type Running,
  SMALL_RUN,
  smallinit,
  startFleet,
  startWorker,
  stepsOf,
  summaryOf,
  until,
  untilStep,
  validationsOf,
  writeData,
} from "./processes.ts";
import { complete, ENDLESS_RUN, expectSameAsAlone } from "./trial.ts";

let folder: string;
let data: string;
/** What one worker alone computes, in a run that nothing disturbs. */
let undisturbed: { readonly digest: unknown; readonly validations: readonly unknown[] };
let numRuns = 0;

/** A checkpoint every few steps. */
const CHECKPOINTS = ["--set", "checkpointEvery=5"];

const newRun = () => join(folder, `run-${numRuns++}`);
const ALL_STEPS = Array.from({ length: 30 }, (_, i) => i + 1);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "smallinit-fleet-"));
  data = join(folder, "data");
  await writeData(data);
  const run = newRun();
  await complete(smallinit(launchArgs(run, 1)));
  undisturbed = { digest: summaryOf(run).parameterDigest, validations: validationsOf(run) };
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

function launchArgs(run: string, numWorkers: number, more: readonly string[] = []): string[] {
  const args = ["launch", "--data", data, "--run", run, "--workers", String(numWorkers)];
  return [...args, ...SMALL_RUN, ...more];
}

function coordinatorArgs(run: string, minWorkers: number, more: readonly string[] = []): string[] {
  const args = ["coordinator", "--data", data, "--run", run, "--min-workers", String(minWorkers)];
  return [...args, ...SMALL_RUN, ...more];
}

/** Every step counted once, each time with every leaf of it; steps that were gone back on are done again. */
function expectCommitsOnce(run: string): void {
  let step = 0;
  for (const event of linesOf(run, "events.jsonl")) {
    if (event.type === "rewind") step = Number(event.step);
    if (event.type !== "commits") continue;
    expect(event.from).toBe(step);
    step = Number(event.to);
    const leaves: readonly { readonly lo: number; readonly hi: number }[] = Object(event.leaves);
    expect(leaves.map(({ lo }) => lo)).toEqual([0, ...leaves.slice(0, -1).map(({ hi }) => hi)]);
    expect(leaves.at(-1)?.hi).toBe(8);
  }
  expect(step).toBe(30);
}

function expectUndisturbed(run: string): void {
  expectCommitsOnce(run);
  expect(summaryOf(run)).toMatchObject({
    ...{ status: "completed", steps: 30, parameterDigest: undisturbed.digest },
  });
  expect(stepsOf(run)).toEqual(ALL_STEPS);
  expect(validationsOf(run)).toEqual(undisturbed.validations);
}

/** How many leaves the workers have computed that left traces here. */
async function numLeavesComputed(profile: string): Promise<number> {
  const traces = (await readdir(profile)).filter((name) => name.endsWith(".trace.json"));
  const texts = await Promise.all(traces.map((name) => readFile(join(profile, name), "utf8")));
  return texts.flatMap((text) => {
    const { traceEvents }: { traceEvents: readonly TraceEvent[] } = JSON.parse(text);
    return traceEvents.filter(({ ph, name }) => ph === "X" && name === "leaf");
  }).length;
}

/** How many leaves of a worker's have counted. */
function numLeavesCommitted(run: string, workerId: unknown): number {
  return eventsOf(run, "commits").reduce((sum, { from, to, leaves }) => {
    const ranges: readonly { workerId: number; lo: number; hi: number }[] = Object(leaves);
    const own = ranges.find((range) => range.workerId === workerId);
    return sum + (Number(to) - Number(from)) * (own === undefined ? 0 : own.hi - own.lo);
  }, 0);
}

/** The process that a run knows by this id. */
function processOf(run: string, workerId: number, processes: readonly Running[]): Running {
  const joined = eventsOf(run, "joined").find((event) => event.workerId === workerId);
  const processId = Number(String(joined?.name).split("/").at(-1));
  return defined(
    processes.find(({ child }) => child.pid === processId),
    `worker ${workerId}`,
  );
}

describe("a fleet of processes", () => {
  const FLEETS = [
    ...([2, 3, 4] as const).map((numWorkers) => ["mesh", numWorkers] as const),
    ...([1, 2, 3, 4] as const).map((numWorkers) => ["star", numWorkers] as const),
  ];
  test.each(FLEETS)("ends with the bits of one worker: %s of %i", async (allReduce, numWorkers) => {
    const run = newRun();
    await complete(smallinit(launchArgs(run, numWorkers, ["--set", `allReduce=${allReduce}`])));
    expectUndisturbed(run);
    expect(summaryOf(run).workers).toBe(numWorkers);
  });

  test.each(["mesh", "star"])(
    "trains over a bf16 wire, with equal digests: %s",
    async (allReduce) => {
      const run = newRun();
      const more = ["--set", "wire=bf16", "--set", `allReduce=${allReduce}`];
      await complete(smallinit(launchArgs(run, 3, [...more, "--set", "checkpointEvery=5"])));
      // A worker whose digest at a checkpoint differed from the others' would have been lost.
      expect(eventsOf(run, "lost")).toEqual([]);
      expect(stepsOf(run)).toEqual(ALL_STEPS);
      const { status, parameterDigest, workers } = summaryOf(run);
      expect({ status, workers }).toEqual({ status: "completed", workers: 3 });
      expect(parameterDigest).not.toBe(undisturbed.digest);
      const last = (rows: readonly unknown[]) => Number(Object(rows.at(-1)).validationLoss);
      expect(last(validationsOf(run))).toBeCloseTo(last(undisturbed.validations), 2);
    },
  );

  test.each(["mesh", "star"])(
    "computes no leaf again that it has when the other member stops in a step: %s",
    async (allReduce) => {
      const run = newRun();
      // Of two: with more, who was measured as slow may be given fewer leaves than it has.
      const args = coordinatorArgs(run, 2, ["--set", `allReduce=${allReduce}`]);
      const { coordinator, url } = await startFleet(args, 0);
      const environment = { SMALLINIT_CHAOS: "stop@computing:step=5" };
      const stopped = startWorker(url, [], { environment });
      const profile = join(folder, `profile-${allReduce}`);
      const other = startWorker(url, ["--profile", profile]);
      await complete(coordinator);
      await complete(other);
      stopped.child.kill("SIGKILL");
      await stopped.exit;
      expectUndisturbed(run);
      // It is given up after more than a second of silence: the other has all its leaves by then.
      const [lost, ...more] = eventsOf(run, "lost");
      expect([lost?.step, more]).toEqual([5, []]);
      expect(await numLeavesComputed(profile)).toBe(
        30 * 8 - numLeavesCommitted(run, lost?.workerId),
      );
    },
  );

  test("has a worker without leaves when there are more workers than leaves", async () => {
    const run = newRun();
    const more = ["--set", "batchSize=2", "--set", "steps=4"];
    await complete(smallinit(launchArgs(run, 3, more)));
    const [commits] = eventsOf(run, "commits");
    expect(commits?.leaves).toEqual([
      { workerId: 0, lo: 0, hi: 1 },
      { workerId: 1, lo: 1, hi: 2 },
      { workerId: 2, lo: 2, hi: 2 },
    ]);
  });

  test.each(["mesh", "star"])(
    "goes on with the same bits when a worker is killed: %s",
    async (allReduce) => {
      const run = newRun();
      const args = coordinatorArgs(run, 3, ["--set", `allReduce=${allReduce}`]);
      const { coordinator, workers } = await startFleet(args, 3);
      await untilStep(run, 8, coordinator);
      workers[1]?.child.kill("SIGKILL");
      await complete(coordinator);
      for (const worker of [workers[0], workers[2]])
        if (worker !== undefined) await complete(worker);
      expectUndisturbed(run);
      expect(eventsOf(run, "lost")).toHaveLength(1);
      expect(eventsOf(run, "generation")).toHaveLength(2);
    },
  );

  test("goes on with the same bits when a worker freezes, and does not take it back", async () => {
    const run = newRun();
    const endsAtOnce = ["--coordinator-timeout", "0"];
    const { coordinator, workers } = await startFleet(coordinatorArgs(run, 3), 3, endsAtOnce);
    await untilStep(run, 8, coordinator);
    workers[1]?.child.kill("SIGSTOP");
    await complete(coordinator);
    workers[1]?.child.kill("SIGCONT");
    expect((await workers[1]?.exit)?.code).toBe(1);
    expectUndisturbed(run);
    expect(eventsOf(run, "lost")).toHaveLength(1);
  });

  test.each(["mesh", "star"])(
    "goes on while a worker joins, which gets leaves with the bits of the others: %s",
    async (allReduce) => {
      const run = newRun();
      const more = ["--set", `allReduce=${allReduce}`, ...ENDLESS_RUN];
      const { coordinator, url, workers } = await startFleet(coordinatorArgs(run, 2, more), 2);
      await untilStep(run, 3, coordinator);
      const joiner = startWorker(url);
      const joinedAt = await until("the joiner", coordinator, () => eventsOf(run, "generation")[1]);
      await untilStep(run, Number(joinedAt.step) + 3, coordinator);
      coordinator.child.kill("SIGINT");
      expect((await coordinator.exit).code, coordinator.output()).toBe(130);
      for (const worker of [joiner, ...workers]) await worker.exit;

      expect(joinedAt.members).toEqual([0, 1, 2]);
      expect(eventsOf(run, "lost")).toEqual([]);
      expect(eventsOf(run, "pause")).toEqual([]);
      // Steps were committed while its state was on the way, and after.
      const [catchUp] = eventsOf(run, "catch-up");
      expect(Number(joinedAt.step)).toBeGreaterThan(Number(catchUp?.step));

      await expectSameAsAlone(run, { data, newRun });
    },
    300_000,
  );

  test("takes in several at once, though their donor and one of them die on the way", async () => {
    const run = newRun();
    const { coordinator, url, workers } = await startFleet(coordinatorArgs(run, 2, ENDLESS_RUN), 2);
    await untilStep(run, 3, coordinator);
    const joiners = [startWorker(url), startWorker(url), startWorker(url)];
    await until("a joiner's state", coordinator, () => eventsOf(run, "catch-up")[0]);
    // The first member is everybody's donor. Who of the processes it is was decided by who came first.
    const donorId = 0;
    const victims = [processOf(run, donorId, workers), joiners[0]];
    for (const victim of victims) victim?.child.kill("SIGKILL");
    const isWhole = ({ members }: Record<string, unknown>) => Object(members).length === 3;
    const joinedAt = await until("the others", coordinator, () =>
      eventsOf(run, "generation").slice(1).find(isWhole),
    );
    await untilStep(run, Number(joinedAt.step) + 3, coordinator);
    coordinator.child.kill("SIGINT");
    expect((await coordinator.exit).code, coordinator.output()).toBe(130);
    for (const worker of [...joiners, ...workers]) await worker.exit;
    expect(eventsOf(run, "lost").length).toBeLessThanOrEqual(victims.length);
    await expectSameAsAlone(run, { data, newRun });
  }, 300_000);

  test("goes back to its checkpoint when all workers are lost, and on with new ones", async () => {
    const run = newRun();
    const args = coordinatorArgs(run, 2, ["--set", "checkpointEvery=5"]);
    const { coordinator, url, workers } = await startFleet(args, 2);
    await untilStep(run, 8, coordinator);
    for (const worker of workers) worker.child.kill("SIGKILL");
    const heir = startWorker(url);
    await complete(coordinator);
    await complete(heir);
    expectUndisturbed(run);
  });
});

test("a launched run starts a killed worker again, takes it in, and counts it", async () => {
  const run = newRun();
  const launch = smallinit(launchArgs(run, 2, ["--set", "steps=100000"]));
  await untilStep(run, 3, launch);
  const [first] = await childrenOf(launch);
  process.kill(defined(first, "a worker's process"), "SIGKILL");
  const isBack = () => eventsOf(run, "generation").find(({ members }) => String(members) === "1,2");
  await until("the third worker", launch, isBack);
  const { step } = defined(isBack(), "the third generation");
  await untilStep(run, Number(step) + 2, launch);
  launch.child.kill("SIGINT");
  expect((await launch.exit).code, launch.output()).toBe(130);
  expect(launch.output()).toMatch(/ended early with signal SIGKILL.*\(started again in 1 s\)/);
  expect(summaryOf(run)).toMatchObject({ restarts: 1, workerRestarts: 1, workers: 2 });
  const { steps } = summaryOf(run);
  expect(stepsOf(run)).toEqual(Array.from({ length: Number(steps) }, (_, i) => i + 1));
});

test("a launched run replaces a worker that is frozen for good, with the bits of one worker", async () => {
  const run = newRun();
  const launch = smallinit(launchArgs(run, 2, ENDLESS_RUN));
  await untilStep(run, 3, launch);
  const frozen = defined((await childrenOf(launch))[0], "a worker's process");
  process.kill(frozen, "SIGSTOP");
  const isBack = () => eventsOf(run, "generation").find(({ members }) => String(members) === "1,2");
  const { step } = await until("the third worker", launch, isBack);
  expect(isRunning(frozen)).toBe(false);
  await untilStep(run, Number(step) + 2, launch);
  const processIds = await childrenOf(launch);
  launch.child.kill("SIGINT");
  expect((await launch.exit).code, launch.output()).toBe(130);
  expect(launch.output()).toMatch(/was lost by the run, had not ended 5 s later and was killed/);
  expect(summaryOf(run)).toMatchObject({ restarts: 1, workerRestarts: 1, workers: 2 });
  expect(processIds).toHaveLength(3);
  expect(processIds.filter(isRunning)).toEqual([]);
  await expectSameAsAlone(run, { data, newRun });
}, 300_000);

describe("a run that is stopped", () => {
  test("leaves a checkpoint and no process, and resumes to the same bits", async () => {
    const run = newRun();
    // As in a terminal: Ctrl-C reaches the whole process group.
    const launch = smallinit(launchArgs(run, 2), true);
    await untilStep(run, 8, launch);
    const processIds = await childrenOf(launch);
    expect(processIds).toHaveLength(2);
    process.kill(-(launch.child.pid ?? 0), "SIGINT");
    expect((await launch.exit).code, launch.output()).toBe(130);
    expect(processIds.filter(isRunning)).toEqual([]);
    const { steps, status } = summaryOf(run);
    expect(status).toBe("interrupted");
    expect(await readdir(join(run, "checkpoints"))).toEqual([
      `step-${String(steps).padStart(8, "0")}`,
    ]);

    const again = smallinit(launchArgs(run, 2));
    expect((await again.exit).code).toBe(2);
    expect(again.output()).toContain("ERR_RUN_EXISTS");

    await complete(smallinit(["resume", run, "--workers", "3"]));
    expectUndisturbed(run);
    expect(summaryOf(run).restarts).toBe(1);
  });

  const HEIRS = [
    ["resume", (run: string) => ["resume", run, "--workers", "2"]],
    ["the same command", (run: string) => launchArgs(run, 2, CHECKPOINTS)],
  ] as const;
  test.each(HEIRS)(
    "goes on to the same bits by %s when the launching process is killed, and leaves no other",
    async (_name, heirArgs) => {
      const run = newRun();
      const launch = smallinit(launchArgs(run, 2, CHECKPOINTS));
      await untilStep(run, 12, launch);
      const orphans = await childrenOf(launch);
      launch.child.kill("SIGKILL");
      await launch.exit;
      // At once: its workers may be there still, and must not come in the way.
      const heir = smallinit(heirArgs(run));
      await complete(heir);
      expectUndisturbed(run);
      expect(summaryOf(run)).toMatchObject({ restarts: 1, workerRestarts: 0 });
      expect(orphans).toHaveLength(2);
      const heirs = await childrenOf(heir);
      expect(heirs).toHaveLength(2);
      expect(heirs.filter(isRunning)).toEqual([]);
      // They end when they notice.
      while (orphans.some(isRunning)) await new Promise((resolve) => setTimeout(resolve, 10));
    },
  );

  test("cannot be resumed for fewer steps than it has done", async () => {
    const run = newRun();
    await complete(smallinit(launchArgs(run, 1, ["--set", "steps=6"])));
    const shorter = smallinit(["resume", run, "--set", "steps=5"]);
    expect((await shorter.exit).code).toBe(2);
    expect(shorter.output()).toContain("The run has done 6 steps already");
    const { parameterDigest } = summaryOf(run);
    await complete(smallinit(["resume", run, "--workers", "1"]));
    expect(summaryOf(run)).toMatchObject({ status: "completed", steps: 6, parameterDigest });
  });

  test("goes back to its checkpoint when its workers did not wait for a killed coordinator", async () => {
    const run = newRun();
    const args = coordinatorArgs(run, 2, ["--set", "checkpointEvery=5"]);
    const endsAtOnce = ["--coordinator-timeout", "0"];
    const { coordinator, workers } = await startFleet(args, 2, endsAtOnce);
    await untilStep(run, 12, coordinator);
    coordinator.child.kill("SIGKILL");
    for (const worker of workers) {
      expect((await worker.exit).code).toBe(1);
      expect(worker.output()).toContain("ERR_COORDINATOR_LOST");
    }
    await complete(smallinit(["resume", run, "--workers", "1"]));
    expectUndisturbed(run);
  });
});

/** Process ids of the workers that a launch has started, from their log files' first lines. */
function childrenOf(launch: Running): Promise<readonly number[]> {
  const pids = [...launch.output().matchAll(/worker \d+ \([^)]*\/(\d+)\) has joined/g)];
  return Promise.resolve(pids.map(([, pid]) => Number(pid)));
}
