import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { smallinit, summaryOf, writeData } from "../worker/processes.ts";
import { CELL_SETTINGS, type FaultCell, tryCell } from "./fault-cell.ts";

let folder: string;
let data: string;
let undisturbedDigest: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "smallinit-faults-"));
  data = join(folder, "data");
  await writeData(data);
  const run = join(folder, "undisturbed");
  const args = ["launch", "--data", data, "--run", run, "--workers", "1", ...CELL_SETTINGS];
  const launch = smallinit(args);
  expect((await launch.exit).code, launch.output()).toBe(0);
  undisturbedDigest = String(summaryOf(run).parameterDigest);
}, 120_000);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** The simulator tries every cell of the table; these are tried with processes, signals and sockets. */
const CELLS: readonly (readonly [FaultCell["victim"], FaultCell["fault"], FaultCell["phase"]])[] = [
  [1, "kill", "joining"],
  [1, "kill", "computing"],
  [1, "kill", "sending"],
  [1, "kill", "owning"],
  [1, "kill", "awaiting-commit"],
  ["donor", "kill", "saving"],
  ["donor", "kill", "evaluating"],
  [1, "exit", "computing"],
  [1, "cut", "sending"],
  ["donor", "cut", "saving"],
  [1, "half-open", "owning"],
  [1, "freeze", "awaiting-commit"],
  ["coordinator", "kill", "joining"],
  ["coordinator", "kill", "computing"],
  ["coordinator", "kill", "owning"],
  ["coordinator", "kill", "awaiting-commit"],
  ["coordinator", "kill", "saving"],
  ["coordinator", "exit", "evaluating"],
  ["coordinator", "cut", "sending"],
  ["coordinator", "freeze", "awaiting-commit"],
  ["coordinator", "half-open", "computing"],
];

/** Several processes are started one after another, on machines that do other things besides. */
const LONG_MS = 300_000;

// A process's state and sockets are read from /proc.
describe.skipIf(process.platform !== "linux").concurrent("the fault table, with processes", () => {
  test.each(CELLS)(
    "%s, %s while %s: ends as if undisturbed",
    { timeout: LONG_MS },
    async (...cell) => {
      const [victim, fault, phase] = cell;
      // A coordinator owns chunks, and sends sums, in a star alone.
      const isStar = victim === "coordinator" && (phase === "owning" || phase === "sending");
      const run = join(folder, cell.join("-"));
      const { end, findings, logs } = await tryCell(
        { victim, fault, phase, allReduce: isStar ? "star" : "mesh" },
        { data, run, undisturbedDigest },
      );
      expect(
        findings.filter(({ isKept }) => !isKept),
        logs,
      ).toEqual([]);
      expect(end.code, logs).toBe(0);
    },
  );
});
