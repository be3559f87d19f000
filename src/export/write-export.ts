import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { syncFolder, writePieces } from "../base/durable-file.ts";
import { TrainerError } from "../base/errors.ts";
import { type FileLayer, systemFiles } from "../base/file-layer.ts";
import { asWriteError, systemCode } from "../base/write-error.ts";
import type { ExportedFiles } from "./export-formats.ts";

/**
 * Writes an exported model's folder: it appears complete, or not at all.
 *
 * @throws {TrainerError} ERR_EXPORT when there is something at `target` already; ERR_WRITE.
 */
export async function writeExport(
  target: string,
  exported: ExportedFiles,
  files: FileLayer = systemFiles,
): Promise<void> {
  const path = resolve(target);
  await refuseOccupied(path);
  const name = `.${basename(path)}.partial-${randomBytes(4).toString("hex")}`;
  const folder = join(dirname(path), name);
  try {
    await files.mkdir(folder, { recursive: true });
    for (const [file, pieces] of Object.entries(exported)) {
      await writePieces(join(folder, file), pieces, files);
    }
    await syncFolder(folder, files);
    await files.rename(folder, path);
    await syncFolder(dirname(path), files);
  } catch (cause) {
    await files.rm(folder, { recursive: true, force: true }).catch(() => undefined);
    throw asWriteError(path, cause);
  }
}

/**
 * Refuses a target that is anything but a new or empty folder; worth asking before the work begins.
 *
 * @throws {TrainerError} ERR_EXPORT.
 */
export async function refuseOccupied(path: string): Promise<void> {
  let found: string;
  try {
    const [first] = await readdir(path);
    if (first === undefined) return;
    found = `holds ${first}`;
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return;
    found = "is no folder that can be read";
  }
  throw new TrainerError(
    "ERR_EXPORT",
    `${path} ${found}, so nothing is exported there. Give --out a new folder.`,
  );
}
