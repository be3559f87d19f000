import { mkdir, mkdtemp, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { TrainerError } from "../base/errors.ts";
import { writing } from "./token-file-writer.ts";

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
 * that an earlier `prepare` wrote is replaced.
 *
 * @throws {TrainerError} ERR_DATA_OCCUPIED, ERR_WRITE, and whatever `fill` throws; the target is then
 *   as before, and nothing else is left.
 */
export async function writeFolder<T>(
  target: string,
  fill: (folder: string) => Promise<T>,
): Promise<T> {
  const path = resolve(target);
  await checkReplaceable(path);
  await writing(path, () => mkdir(dirname(path), { recursive: true }));
  const prefix = join(dirname(path), `.${basename(path)}.partial-`);
  const folder = await writing(path, () => mkdtemp(prefix));
  try {
    const result = await fill(folder);
    await syncFolder(folder);
    await checkReplaceable(path);
    await writing(path, () => takePlace(folder, path));
    return result;
  } catch (cause) {
    await rm(folder, { recursive: true, force: true });
    throw cause;
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
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return;
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

/** The old folder, if any, is moved away first: a folder can only be renamed onto an empty one. */
async function takePlace(folder: string, path: string): Promise<void> {
  const old = `${folder}-old`;
  const hadOld = await rename(path, old).then(
    () => true,
    () => false,
  );
  try {
    await rename(folder, path);
  } catch (cause) {
    if (hadOld) await rename(old, path);
    throw cause;
  }
  if (hadOld) await rm(old, { recursive: true, force: true });
}

/** Forces the folder's entries to the disk, where the system can. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}
