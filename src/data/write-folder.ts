import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { syncFolder } from "../base/durable-file.ts";
import { TrainerError } from "../base/errors.ts";
import type { FileLayer } from "../base/file-layer.ts";
import { asWriteError, systemCode } from "../base/write-error.ts";

/** The files of a data folder; a folder with any other file in it is not overwritten. */
const DATA_FILES: ReadonlySet<string> = new Set([
  "train.bin",
  "val.bin",
  "tokenizer.json",
  "manifest.json",
]);

/**
 * Makes a data folder in one step: it appears complete, or not at all.
 *
 * `fill` writes into a hidden folder beside the target, which then takes the target's place. A target
 * that an earlier `prepare` wrote is replaced; a process killed between the two renames that this
 * takes leaves it whole under a hidden name beside.
 *
 * @throws {TrainerError} ERR_DATA_OCCUPIED, ERR_WRITE, and whatever `fill` throws; the target is then
 *   as before, and nothing else is left.
 */
export async function writeFolder<T>(
  target: string,
  fill: (folder: string) => Promise<T>,
  files: FileLayer,
): Promise<T> {
  const path = resolve(target);
  const name = `.${basename(path)}.partial-${randomBytes(4).toString("hex")}`;
  const folder = join(dirname(path), name);
  await checkReplaceable(path);
  try {
    await files.mkdir(folder, { recursive: true });
    const result = await fill(folder);
    await syncFolder(folder, files);
    await checkReplaceable(path);
    await takePlace(folder, path, files);
    await syncFolder(dirname(path), files);
    return result;
  } catch (cause) {
    await files.rm(folder, { recursive: true, force: true }).catch(() => undefined);
    throw asWriteError(path, cause);
  }
}

/**
 * Refuses a target that holds anything but an earlier `prepare`'s files.
 *
 * @throws {TrainerError} ERR_DATA_OCCUPIED, with the file in the way.
 */
export async function checkReplaceable(path: string): Promise<void> {
  let names: string[];
  try {
    names = await readdir(path);
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return;
    throw occupied(path, "is not a folder that can be read", cause);
  }
  const foreign = names.find((name) => !DATA_FILES.has(name));
  if (foreign !== undefined) throw occupied(path, `already holds ${foreign}`);
  if (names.length > 0 && !names.includes("manifest.json")) {
    throw occupied(path, "holds data that `smallinit prepare` did not write");
  }
}

function occupied(path: string, what: string, cause?: unknown): TrainerError {
  return new TrainerError(
    "ERR_DATA_OCCUPIED",
    `${path} ${what}, so it is not overwritten. Give --out a new folder.`,
    { cause },
  );
}

/** The old folder is moved away first: a folder can be renamed only onto an empty one. */
async function takePlace(folder: string, path: string, files: FileLayer): Promise<void> {
  const old = `${folder}-old`;
  const hadOld = await movedAway(path, old, files);
  try {
    await files.rename(folder, path);
  } catch (cause) {
    if (hadOld) await files.rename(old, path);
    throw cause;
  }
  // The new folder is in place: an old one that cannot be deleted is no failure any more.
  if (hadOld) await files.rm(old, { recursive: true, force: true }).catch(() => undefined);
}

async function movedAway(path: string, old: string, files: FileLayer): Promise<boolean> {
  try {
    await files.rename(path, old);
    return true;
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return false;
    throw cause;
  }
}
