import { randomBytes } from "node:crypto";
import { basename, dirname, join, resolve } from "node:path";
import { syncFolder } from "./durable-file.ts";
import { type FileLayer, systemFiles } from "./file-layer.ts";
import { asWriteError, systemCode } from "./write-error.ts";

/** What a folder is to hold, and what it may replace. */
export interface FolderWrite<T> {
  /** Refuses, by throwing, a target that must not be replaced; asked before and after `fill`. */
  check(path: string): Promise<void>;
  /** Writes the files into a hidden folder beside the target. */
  fill(folder: string): Promise<T>;
  readonly files?: FileLayer;
}

/**
 * Makes a folder in one step: it appears complete, or not at all.
 *
 * The filled folder takes the target's place. A process killed between the two renames that replacing
 * takes leaves the former target whole under a hidden name beside.
 *
 * @throws {TrainerError} ERR_WRITE, and whatever `check` and `fill` throw; the target is then as
 *   before, and nothing else is left.
 */
export async function writeFolderAtomically<T>(
  target: string,
  { check, fill, files = systemFiles }: FolderWrite<T>,
): Promise<T> {
  const path = resolve(target);
  const name = `.${basename(path)}.partial-${randomBytes(4).toString("hex")}`;
  const folder = join(dirname(path), name);
  await check(path);
  try {
    await files.mkdir(folder, { recursive: true });
    const result = await fill(folder);
    await syncFolder(folder, files);
    await check(path);
    await takePlace(folder, path, files);
    await syncFolder(dirname(path), files);
    return result;
  } catch (cause) {
    await files.rm(folder, { recursive: true, force: true }).catch(() => undefined);
    throw asWriteError(path, cause);
  }
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
