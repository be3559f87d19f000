import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TraceEvent } from "../../src/worker/chrome-trace.ts";
import { SMALL_RUN, summaryOf, writeData } from "../worker/processes.ts";
import { runCli } from "./run-cli.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "smallinit-profile-"));
  await writeData(join(folder, "data"));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function launch(run: string, more: readonly string[]) {
  const args = ["launch", "--data", "data", "--run", run, "--workers", "2", ...SMALL_RUN, ...more];
  const result = await runCli(folder, args);
  expect(result.exitCode, result.stderr).toBe(0);
  return result;
}

test("launch --profile shows a table, leaves a whole trace of each worker, and changes no bit", async () => {
  const { stderr } = await launch("profiled", ["--profile"]);
  expect(stderr).toMatch(
    /Worker 0: 29 steps of [\d.]+ ms in the median, [\d.]+ % of their time in/,
  );
  for (const phase of ["native call", "tree fold", "optimizer", "norm", "begin", "exchange"]) {
    expect(stderr).toMatch(new RegExp(`^ {2}${phase} +29 +[\\d.]+ +[\\d.]+ %`, "m"));
  }
  expect(stderr).toMatch(/^ {2}wait for worker 1 /m);

  const profile = join(folder, "profiled", "profile");
  const files = ["worker-0.trace.json", "worker-0.txt", "worker-1.trace.json", "worker-1.txt"];
  expect((await readdir(profile)).sort()).toEqual(files);
  const [first, second] = [await expectWholeTrace(profile, 0), await expectWholeTrace(profile, 1)];
  // How many each computes goes by its speed; none is computed but those of the steps.
  expect(first + second).toBe(8 * 30);

  await launch("plain", []);
  const digestOf = (run: string) => summaryOf(join(folder, run)).parameterDigest;
  expect(digestOf("profiled")).toBe(digestOf("plain"));
  expect(await readdir(join(folder, "plain"))).not.toContain("profile");
});

/** Gives the number of leaves that the worker computed. */
async function expectWholeTrace(profile: string, workerId: number): Promise<number> {
  const text = await readFile(join(profile, `worker-${workerId}.trace.json`), "utf8");
  const { traceEvents }: { traceEvents: TraceEvent[] } = JSON.parse(text);
  const spans = traceEvents.filter(({ ph }) => ph === "X");
  const steps = spans.filter(({ name }) => name === "step").map(({ args }) => args?.step);
  expect(steps).toEqual(Array.from({ length: 30 }, (_, step) => step));
  expect(spans.filter(({ name }) => name === "exchange")).toHaveLength(30);
  for (const { ts, dur, pid } of spans) {
    expect(Number.isFinite(ts) && (dur ?? -1) >= 0).toBe(true);
    expect(pid).toBe(workerId);
  }
  for (const tid of [0, 1]) expectNested(spans.filter((event) => event.tid === tid));
  return spans.filter(({ name }) => name === "native call").length;
}

/** Viewers drop spans that overlap in part. */
function expectNested(spans: readonly TraceEvent[]): void {
  const end = ({ ts, dur = 0 }: TraceEvent) => ts + dur;
  const open: TraceEvent[] = [];
  for (const span of spans.toSorted((a, b) => a.ts - b.ts || end(b) - end(a))) {
    while (open.length > 0 && end(open.at(-1) as TraceEvent) <= span.ts) open.pop();
    const around = open.at(-1);
    expect(
      around === undefined || end(span) <= end(around),
      `${span.name} in ${around?.name}`,
    ).toBe(true);
    open.push(span);
  }
}
