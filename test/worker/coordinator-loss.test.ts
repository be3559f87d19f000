import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { defined } from "../../src/base/assert.ts";
import {
  eventsOf,
  type Fleet,
  type Running,
  SMALL_RUN,
  smallinit,
  startFleet,
  stepsOf,
  summaryOf,
  until,
  untilStep,
} from "./processes.ts";
import { complete, prepareTrial, TRIAL_MS, type Trial } from "./trial.ts";

// Each starts a coordinator twice and three workers.
vi.setConfig({ testTimeout: 180_000 });

let trial: Trial;

beforeAll(async () => {
  trial = await prepareTrial("loss");
}, TRIAL_MS);

afterAll(() => trial.remove());

function argsOf(command: "launch" | "coordinator", run: string, more: readonly string[]): string[] {
  return [command, "--data", trial.data, "--run", run, ...SMALL_RUN, ...more];
}

/** A coordinator and three workers that have done some steps. */
async function startRun(run: string, more: readonly string[] = []): Promise<Fleet> {
  const fleet = await startFleet(argsOf("coordinator", run, ["--min-workers", "3", ...more]), 3);
  await untilStep(run, 8, fleet.coordinator);
  return fleet;
}

async function kill({ coordinator }: Fleet): Promise<void> {
  coordinator.child.kill("SIGKILL");
  await coordinator.exit;
}

/** All workers have come back, and neither a row nor a commit is missing, doubled or done again. */
async function expectGoesOn(run: string, heir: Running, { workers }: Fleet): Promise<void> {
  await complete(heir);
  for (const worker of workers) await complete(worker);
  expect(summaryOf(run)).toMatchObject({
    ...{ status: "completed", steps: 30, parameterDigest: trial.undisturbedDigest, restarts: 1 },
  });
  expect(stepsOf(run)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
  expect(eventsOf(run, "rewind")).toEqual([]);
  expect(eventsOf(run, "reunion")).toHaveLength(1);
  let step = 0;
  for (const { from, to } of eventsOf(run, "commits")) {
    expect(from).toBe(step);
    step = Number(to);
  }
  expect(step).toBe(30);
  expect(workers[0]?.output()).toContain("coordinator lost, redialling, 0 s of 60 s");
}

describe("workers that lose their coordinator", () => {
  test.each(["mesh", "star"])(
    "keep their state, and no step is lost when it is resumed while they compute: %s",
    async (allReduce) => {
      const run = trial.newRun();
      const fleet = await startRun(run, ["--set", `allReduce=${allReduce}`]);
      await kill(fleet);
      await expectGoesOn(run, smallinit(["resume", run]), fleet);
    },
  );

  test("lose nothing by the death of it while it saves", async () => {
    const run = trial.newRun();
    // A checkpoint a step: there is always one being written.
    const fleet = await startRun(run, ["--set", "checkpointEvery=1"]);
    await kill(fleet);
    await expectGoesOn(run, smallinit(["resume", run]), fleet);
  });

  test("lose nothing by its death while two await the commit that the third holds up", async () => {
    const run = trial.newRun();
    const fleet = await startRun(run);
    const third = defined(fleet.workers[2], "the third worker");
    third.child.kill("SIGSTOP");
    await until("a wait for one", fleet.coordinator, () =>
      eventsOf(run, "waiting").find(({ workerIds }) => (workerIds as number[]).length === 1),
    );
    await kill(fleet);
    third.child.kill("SIGCONT");
    await expectGoesOn(run, smallinit(["resume", run]), fleet);
  });

  test("are taken back by the same command, given again by a supervisor", async () => {
    const run = trial.newRun();
    const fleet = await startRun(run);
    await kill(fleet);
    const again = smallinit([
      ...argsOf("coordinator", run, ["--min-workers", "3", "--listen", "127.0.0.1:0"]),
    ]);
    await expectGoesOn(run, again, fleet);
    expect(again.output()).toContain("was not brought to its end; going on with it");
    // What has come to its end is not begun again.
    const third = smallinit([...argsOf("coordinator", run, []), "--listen", "127.0.0.1:0"]);
    expect((await third.exit).code).toBe(2);
    expect(third.output()).toContain("ERR_RUN_EXISTS");
  });

  test("go on without one that died with it", async () => {
    const run = trial.newRun();
    const fleet = await startRun(run);
    const [first, ...others] = fleet.workers;
    first?.child.kill("SIGKILL");
    await kill(fleet);
    const heir = smallinit(["resume", run]);
    await complete(heir);
    for (const worker of others) await complete(worker);
    expect(summaryOf(run)).toMatchObject({ steps: 30, parameterDigest: trial.undisturbedDigest });
    expect(eventsOf(run, "rewind")).toEqual([]);
  });

  test("end by name when it stays away, at once where that was asked for", async () => {
    const run = trial.newRun();
    const args = argsOf("coordinator", run, []);
    const fleet = await startFleet(args, 1, ["--coordinator-timeout", "0"]);
    await untilStep(run, 3, fleet.coordinator);
    await kill(fleet);
    const worker = defined(fleet.workers[0], "the worker");
    expect((await worker.exit).code).toBe(1);
    expect(worker.output()).toContain("ERR_COORDINATOR_LOST");
  });
});

test("a run is not conducted twice at a time", async () => {
  const run = trial.newRun();
  const fleet = await startFleet(argsOf("coordinator", run, []), 0);
  const second = smallinit(["resume", run]);
  expect((await second.exit).code).toBe(2);
  expect(second.output()).toContain(`is conducted by process ${fleet.coordinator.child.pid}`);
  await kill(fleet);
});

test("the token of a run lies in its folder for its owner alone, and stays the same", async () => {
  const run = trial.newRun();
  const args = argsOf("coordinator", run, ["--listen", "0.0.0.0:0"]);
  const joinUrlOf = (running: Running) =>
    until("the join URL", running, () => /'(ws:[^']+)'/.exec(running.output())?.[1]);
  const first = smallinit(args);
  const url = await joinUrlOf(first);
  first.child.kill("SIGKILL");
  await first.exit;
  const path = join(run, "session.json");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(url).toContain(JSON.parse(await readFile(path, "utf8")).token);
  const second = smallinit(["resume", run]);
  expect(await joinUrlOf(second)).toBe(url);
  second.child.kill("SIGKILL");
  await second.exit;
});
