import { readFile } from "node:fs/promises";
import { systemCode } from "../base/write-error.ts";
import { damaged, missing } from "./data-errors.ts";

/**
 * The parsed content of a JSON file; undefined when there is no such file.
 *
 * @throws {TrainerError} ERR_DATA_MISSING when it cannot be read; ERR_DATA_DAMAGED when it is not JSON.
 */
export async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return undefined;
    throw missing(path, cause);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw damaged(path, "it is not JSON");
  }
}
