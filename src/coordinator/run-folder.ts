import { mkdir, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { writeFileAtomically } from "../base/atomic-file.ts";
import { TrainerError } from "../base/errors.ts";
import { asWriteError, systemCode } from "../base/write-error.ts";
import { type Configuration, sectionsOf } from "../configuration/configuration.ts";
import { resolveConfiguration } from "../configuration/resolve-configuration.ts";
import type { RunSummary } from "./run-summary.ts";

/** Names of the files in a run folder. */
export const RUN_FILES = {
  configuration: "config.json",
  events: "events.jsonl",
  metrics: "metrics.jsonl",
  summary: "summary.json",
} as const;

/** What a run was started with. */
export interface RunConfiguration {
  readonly configuration: Configuration;
  /** Absolute path at the time. */
  readonly dataFolder: string;
}

/**
 * Reads what the run in a folder was started with.
 *
 * @throws {TrainerError} ERR_RUN_MISSING when there is no run in the folder, or its config.json cannot
 *   be read; ERR_CONFIG_KEY, ERR_CONFIG_VALUE when it is not one of this version's.
 */
export async function readRunConfiguration(runFolder: string): Promise<RunConfiguration> {
  const path = join(runFolder, RUN_FILES.configuration);
  let content: unknown;
  try {
    content = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new TrainerError(
      "ERR_RUN_MISSING",
      `There is no run in ${runFolder}: ${path} cannot be read. Give the folder of --run.`,
      { cause },
    );
  }
  const { dataFolder, model, training, fleet } = asRecord(content);
  const settings = { ...asRecord(model), ...asRecord(training), ...asRecord(fleet) };
  return {
    configuration: resolveConfiguration(settings),
    dataFolder: typeof dataFolder === "string" ? dataFolder : "",
  };
}

/**
 * Holds that a new run has its folder to itself, or that there is a run to resume.
 *
 * @throws {TrainerError} ERR_RUN_EXISTS, ERR_RUN_MISSING.
 */
export async function checkRunFolder(runFolder: string, isResume: boolean): Promise<void> {
  const hasRun = await exists(join(runFolder, RUN_FILES.configuration));
  if (hasRun && !isResume) {
    throw new TrainerError(
      "ERR_RUN_EXISTS",
      `${runFolder} has a run already. Continue it with \`smallinit resume ${runFolder}\`, or choose ` +
        "another folder with --run.",
    );
  }
  if (!hasRun && isResume) {
    throw new TrainerError(
      "ERR_RUN_MISSING",
      `There is no run in ${runFolder}. Give the folder of --run.`,
    );
  }
}

/** Makes the folder where it is missing. @throws {TrainerError} ERR_WRITE. */
export async function makeRunFolder(runFolder: string): Promise<void> {
  try {
    await mkdir(runFolder, { recursive: true });
  } catch (error) {
    throw asWriteError(runFolder, error);
  }
}

/** Writes config.json. @throws {TrainerError} ERR_WRITE. */
export async function writeRunConfiguration(
  runFolder: string,
  { configuration, dataFolder }: RunConfiguration,
): Promise<void> {
  const content = { dataFolder: resolve(dataFolder), ...sectionsOf(configuration) };
  await writeJson(join(runFolder, RUN_FILES.configuration), content);
}

/** Writes summary.json. @throws {TrainerError} ERR_WRITE. */
export async function writeSummary(runFolder: string, summary: RunSummary): Promise<void> {
  await writeJson(join(runFolder, RUN_FILES.summary), summary);
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFileAtomically(path, `${JSON.stringify(value, undefined, 2)}\n`);
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return false;
    throw asWriteError(path, error);
  }
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
