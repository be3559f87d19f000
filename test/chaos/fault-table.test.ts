import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { prepareTrial, TRIAL_MS, type Trial } from "../worker/trial.ts";
import { CELL_SETTINGS, type FaultCell, tryCell } from "./fault-cell.ts";

let trial: Trial;

beforeAll(async () => {
  trial = await prepareTrial("faults", CELL_SETTINGS);
}, TRIAL_MS);

afterAll(() => trial.remove());

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
      const { data, undisturbedDigest } = trial;
      const run = join(trial.folder, cell.join("-"));
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
