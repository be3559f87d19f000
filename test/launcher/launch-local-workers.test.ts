import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import {
  type LaunchOptions,
  launchLocalWorkers,
  type WorkerExit,
} from "../../src/launcher/launch-local-workers.ts";
import { FakeClock } from "../fake-clock.ts";

let folder: string;
let exits: WorkerExit[];
let clock: FakeClock;

beforeEach(async () => {
  clock = new FakeClock();
  folder = await mkdtemp(join(tmpdir(), "smallinit-launcher-"));
  exits = [];
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Launches workers whose program is `source`. */
async function launch(source: string, more: Partial<LaunchOptions> = {}) {
  const program = join(folder, "worker.mjs");
  await writeFile(program, source);
  return launchLocalWorkers({
    ...{ url: "ws://127.0.0.1:1/", numWorkers: 2, logFolder: join(folder, "logs"), log: silentLog },
    command: [process.execPath, program],
    ...{ clock, maxRestarts: 0 },
    onEarlyExit: (exit) => exits.push(exit),
    ...more,
  });
}

test("a worker's output is kept in its own log, line by line", async () => {
  const workers = await launch('console.log("one"); console.error("two");');
  await workers.ended;
  const log = await readFile(join(folder, "logs", "worker-1.log"), "utf8");
  expect(log.split("\n").sort()).toEqual(["", "[worker 1] one", "[worker 1] two"]);
  expect(exits).toEqual([]);
});

test("the token reaches a worker by its environment, and never by its arguments", async () => {
  const source =
    "console.log(JSON.stringify([process.argv.slice(2), process.env.SMALLINIT_TOKEN]));";
  const workers = await launch(source, { token: "secret", numWorkers: 1 });
  await workers.ended;
  const log = await readFile(join(folder, "logs", "worker-0.log"), "utf8");
  const [args, token] = JSON.parse(log.slice(log.indexOf("] ") + 2));
  expect(args.slice(0, 3)).toEqual(["worker", "ws://127.0.0.1:1/", "--threads"]);
  expect(args.join(" ")).not.toContain("secret");
  expect(token).toBe("secret");
});

test("a worker that ends early is reported with its last words", async () => {
  const workers = await launch(
    'console.error("ERR_ENGINE: nothing works"); process.exitCode = 3;',
    {
      numWorkers: 1,
    },
  );
  await workers.ended;
  expect(exits).toMatchObject([{ workerIndex: 0, code: 3, signal: null }]);
  expect(exits[0]?.message).toBe(
    "Local worker 0 ended early with exit code 3: ERR_ENGINE: nothing works " +
      "(not started again: restarts are off)",
  );
});

test("a program that cannot be started is reported", async () => {
  const workers = await launch("", { command: [join(folder, "missing")], numWorkers: 1 });
  await workers.ended;
  expect(exits[0]?.message).toContain("ENOENT");
});

test("workers that do not end by themselves are killed", async () => {
  const workers = await launch("setInterval(() => undefined, 1000);");
  expect(workers.processIds).toHaveLength(2);
  await workers.stop(0);
  expect((await workers.ended).map(({ signal }) => signal)).toEqual(["SIGKILL", "SIGKILL"]);
});

test("a log folder that cannot be made is refused by name", async () => {
  await writeFile(join(folder, "logs"), "a file");
  await expect(launch("")).rejects.toMatchObject({ code: "ERR_WRITE" });
});

test("a worker that is killed is started again after a while, under its former number", async () => {
  // The first process kills itself; the second finds its trace and ends well.
  const trace = join(folder, "trace");
  const source = `
    import { existsSync, writeFileSync } from "node:fs";
    if (existsSync(${JSON.stringify(trace)})) console.log("second life");
    else { writeFileSync(${JSON.stringify(trace)}, ""); process.kill(process.pid, "SIGKILL"); }`;
  const workers = await launch(source, {
    ...{ numWorkers: 1, maxRestarts: 2 },
    onEarlyExit(exit) {
      exits.push(exit);
      // The launcher sets its timer when it has told.
      setImmediate(() => clock.advance(exit.restartMs ?? 0));
    },
  });
  expect(await workers.ended).toMatchObject([{ workerIndex: 0, code: 0, restartMs: undefined }]);
  expect(exits).toMatchObject([{ signal: "SIGKILL", restartMs: 1000 }]);
  expect(exits[0]?.message).toBe(
    "Local worker 0 ended early with signal SIGKILL (started again in 1 s)",
  );
  const log = await readFile(join(folder, "logs", "worker-0.log"), "utf8");
  expect(log).toBe("[worker 0] second life\n");
});

test("a worker that waits for its next start is not started when all are to end", async () => {
  let reported: (exit: WorkerExit) => void = () => undefined;
  const exit = new Promise<WorkerExit>((resolve) => {
    reported = resolve;
  });
  const workers = await launch("process.exitCode = 1;", {
    ...{ numWorkers: 1, maxRestarts: 2 },
    onEarlyExit: (one) => reported(one),
  });
  expect((await exit).restartMs).toBe(1000);
  await workers.stop(0);
  expect(await workers.ended).toMatchObject([{ code: 1 }]);
  expect(clock.numTimers).toBe(0);
});

test("a worker that the run has lost is killed when it does not end by itself", async () => {
  const workers = await launch('process.kill(process.pid, "SIGSTOP");', { numWorkers: 1 });
  const [processId = 0] = workers.processIds;
  // Somebody else's loss: nothing follows.
  workers.replace(processId + 1);
  expect(clock.numTimers).toBe(0);
  workers.replace(processId);
  clock.advance(5000);
  expect(await workers.ended).toMatchObject([{ signal: "SIGKILL" }]);
  expect(exits[0]?.message).toBe(
    "Local worker 0 was lost by the run, had not ended 5 s later and was killed " +
      "(not started again: restarts are off)",
  );
});

test("a worker that the run has lost is not killed when it ends by itself", async () => {
  const workers = await launch("setTimeout(() => undefined, 10);", { numWorkers: 1 });
  workers.replace(workers.processIds[0] ?? 0);
  expect(await workers.ended).toMatchObject([{ code: 0, signal: null }]);
  expect(clock.numTimers).toBe(0);
  expect(exits).toEqual([]);
});
