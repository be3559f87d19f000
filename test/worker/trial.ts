import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { type Running, SMALL_RUN, smallinit, summaryOf, writeData } from "./processes.ts";

/** Data, and what one worker alone makes of it: what every run on it has to end with. */
export interface Trial {
  readonly folder: string;
  readonly data: string;
  readonly undisturbedDigest: string;
  /** A run folder that is not there yet. */
  newRun(): string;
  remove(): Promise<void>;
}

/** How long an undisturbed run may take on a machine with much other work. */
export const TRIAL_MS = 300_000;

/** Until it is stopped, at one learning rate: after any step the bits are those of a run that ends there. */
export const ENDLESS_RUN = [
  "steps=1000000",
  "evaluateEvery=0",
  "learningRate=1e-3",
  "minLearningRate=1e-3",
].flatMap((setting) => ["--set", setting]);

/** Makes data in a temporary folder and trains on it once, undisturbed. */
export async function prepareTrial(
  name: string,
  settings: readonly string[] = SMALL_RUN,
): Promise<Trial> {
  const folder = await mkdtemp(join(tmpdir(), `smallinit-${name}-`));
  const data = join(folder, "data");
  await writeData(data);
  const undisturbedDigest = await digestAlone(data, join(folder, "undisturbed"), settings);
  let numRuns = 0;
  return {
    folder,
    data,
    undisturbedDigest,
    newRun: () => join(folder, `run-${numRuns++}`),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** What one worker alone makes of the data. */
async function digestAlone(
  data: string,
  run: string,
  settings: readonly string[],
): Promise<string> {
  const args = ["launch", "--data", data, "--run", run, "--workers", "1", ...settings];
  await complete(smallinit(args));
  return String(summaryOf(run).parameterDigest);
}

/** Compares an endless run that was stopped with one worker's run of as many steps. */
export async function expectSameAsAlone(
  run: string,
  { data, newRun }: Pick<Trial, "data" | "newRun">,
): Promise<void> {
  const { steps, parameterDigest } = summaryOf(run);
  const settings = [...SMALL_RUN, ...ENDLESS_RUN, "--set", `steps=${steps}`];
  expect(await digestAlone(data, newRun(), settings)).toBe(parameterDigest);
}

/** Waits for the end of a command that has to succeed. */
export async function complete(running: Running): Promise<void> {
  const { code } = await running.exit;
  expect(code, running.output()).toBe(0);
}
