import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../base/temporary-folder.ts";
import { eventsOf, SMALL_RUN, smallinit, stepsOf, writeData } from "../worker/processes.ts";

const SETTINGS = [...SMALL_RUN, "--set", "checkpointEvery=10"];

/** A dozen processes are started one after another, on machines that do other things besides. */
const LONG_MS = 240_000;

test("a run that is disturbed in every way keeps its promises, and says so", {
  timeout: LONG_MS,
}, async () => {
  const folder = await temporaryFolder();
  const [data, run] = [join(folder, "data"), join(folder, "run")];
  await writeData(data);
  const chaos = "kill:1@4,cut:0-2@8,cut:2@12,coordinator@16,freeze:0@20:500ms,exit:1@24";
  const args = ["--data", data, "--run", run, "--workers", "3", ...SETTINGS, "--chaos", chaos];
  const launch = smallinit(["launch", ...args]);
  expect((await launch.exit).code, launch.output()).toBe(0);
  const { findings, faults } = JSON.parse(readFileSync(join(run, "chaos.json"), "utf8"));
  expect(findings.map((one: { isKept: boolean }) => one.isKept)).toEqual(Array(5).fill(true));
  // A fault whose step the run hurried past may have found nothing to do; most do not.
  expect(faults.length).toBeGreaterThan(3);
  expect(eventsOf(run, "start").length).toBeGreaterThan(1);
  expect(stepsOf(run)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
});

test("a run whose result is another than the undisturbed one is found out", async () => {
  const folder = await temporaryFolder();
  const [data, run] = [join(folder, "data"), join(folder, "run")];
  await writeData(data);
  const chaos = `kill:0@5,digest=${"0".repeat(64)}`;
  const args = ["--data", data, "--run", run, "--workers", "2", ...SETTINGS, "--chaos", chaos];
  const launch = smallinit(["launch", ...args]);
  expect((await launch.exit).code, launch.output()).toBe(1);
  expect(launch.output()).toMatch(/BROKEN the parameters are those of the undisturbed run/);
});

test("chaos is refused where the result depends on the fleet", async () => {
  const folder = await temporaryFolder();
  const data = join(folder, "data");
  await writeData(data);
  const args = ["--data", data, "--run", join(folder, "run"), ...SETTINGS, "--set", "wire=bf16"];
  const launch = smallinit(["launch", ...args, "--chaos", "kill:0@5"]);
  expect((await launch.exit).code).toBe(2);
  expect(launch.output()).toMatch(/ERR_CHAOS: wire=bf16 makes the bits depend on the fleet/);
});
