import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { TrainerError } from "../base/errors.ts";
import { systemCode } from "../base/write-error.ts";

/** A checkpoint of a run, by its folder's name; what is in it has not been looked at. */
export interface CheckpointFolder {
  /** Updates that its parameters have seen. */
  readonly step: number;
  readonly folder: string;
}

/** Where a run folder keeps its checkpoints. */
export function checkpointsFolder(runFolder: string): string {
  return join(runFolder, "checkpoints");
}

/** "step-00000500": sorts by name as by number up to 99,999,999 steps. */
export function checkpointName(step: number): string {
  return `step-${String(step).padStart(8, "0")}`;
}

/** Ends the name of a folder that is not yet a checkpoint, or about to be deleted. */
export const UNFINISHED_SUFFIX = ".tmp";

/** Ends the name of a former checkpoint of the same step, while a new one takes its place. */
export const RETIRED_SUFFIX = ".old";

/**
 * A run's checkpoints, by step, the earliest first; none when it has no folder for them yet.
 *
 * Whatever has another name, like the leavings of a crash, is not among them.
 *
 * @throws {TrainerError} ERR_CHECKPOINT_MISSING when the folder cannot be read.
 */
export async function listCheckpoints(runFolder: string): Promise<readonly CheckpointFolder[]> {
  const parent = checkpointsFolder(runFolder);
  const entries = await readdir(parent, { withFileTypes: true }).catch((cause: unknown) => {
    if (systemCode(cause) === "ENOENT") return [];
    throw new TrainerError(
      "ERR_CHECKPOINT_MISSING",
      `The checkpoints of ${runFolder} cannot be read: ${String(cause)}. Check the path and its permissions.`,
      { cause },
    );
  });
  return entries
    .filter((entry) => entry.isDirectory() && /^step-\d{8,}$/.test(entry.name))
    .map(({ name }) => ({ step: Number(name.slice("step-".length)), folder: join(parent, name) }))
    .sort((a, b) => a.step - b.step);
}

/** A run's checkpoint with the most steps; undefined when it has none. */
export async function latestCheckpoint(runFolder: string): Promise<CheckpointFolder | undefined> {
  return (await listCheckpoints(runFolder)).at(-1);
}
