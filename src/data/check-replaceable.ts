import { readdir } from "node:fs/promises";
import { TrainerError } from "../base/errors.ts";
import { systemCode } from "../base/write-error.ts";

/** The files of a data folder; a folder with any other file in it is not overwritten. */
const DATA_FILES: ReadonlySet<string> = new Set([
  "train.bin",
  "val.bin",
  "tokenizer.json",
  "manifest.json",
]);

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
