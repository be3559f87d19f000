import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { assert } from "../base/assert.ts";
import { type FileLayer, systemFiles } from "../base/file-layer.ts";
import { asWriteError } from "../base/write-error.ts";
import { STATE_FILE } from "./checkpoint-files.ts";
import { type CheckpointFolder, listCheckpoints, UNFINISHED_SUFFIX } from "./checkpoint-folders.ts";

/**
 * Deletes a run's checkpoints but for the last `keepLast` and the one with the lowest validation loss.
 *
 * @returns the folders deleted.
 * @throws {TrainerError} ERR_WRITE when one cannot be deleted.
 */
export async function pruneCheckpoints(
  runFolder: string,
  { keepLast }: { readonly keepLast: number },
  files: FileLayer = systemFiles,
): Promise<readonly string[]> {
  assert(keepLast >= 1, `keepLast ${keepLast} would delete the latest checkpoint`);
  const checkpoints = await listCheckpoints(runFolder);
  const best = await bestCheckpoint(runFolder);
  const deleted = checkpoints
    .slice(0, -keepLast)
    .map(({ folder }) => folder)
    .filter((folder) => folder !== best?.folder);
  for (const folder of deleted) {
    try {
      // Renamed first: a crash half-way must not leave half a folder under a checkpoint's name.
      await files.rename(folder, folder + UNFINISHED_SUFFIX);
      await files.rm(folder + UNFINISHED_SUFFIX, { recursive: true, force: true });
    } catch (error) {
      throw asWriteError(folder, error);
    }
  }
  return deleted;
}

/** A run's checkpoint with the lowest `validationLoss` in its state; undefined when none has one. */
export async function bestCheckpoint(runFolder: string): Promise<CheckpointFolder | undefined> {
  let [best, lowest]: [CheckpointFolder | undefined, number] = [
    undefined,
    Number.POSITIVE_INFINITY,
  ];
  for (const checkpoint of await listCheckpoints(runFolder)) {
    const loss = await validationLossOf(checkpoint.folder);
    if (loss < lowest) [best, lowest] = [checkpoint, loss];
  }
  return best;
}

/** Infinity where it is not known, or the state cannot be read: such a checkpoint is never the best. */
async function validationLossOf(folder: string): Promise<number> {
  try {
    const { validationLoss } = JSON.parse(await readFile(join(folder, STATE_FILE), "utf8"));
    return typeof validationLoss === "number" ? validationLoss : Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
