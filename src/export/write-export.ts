import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { writeFolderAtomically } from "../base/atomic-folder.ts";
import { writePieces } from "../base/durable-file.ts";
import { TrainerError } from "../base/errors.ts";
import { type FileLayer, systemFiles } from "../base/file-layer.ts";
import { systemCode } from "../base/write-error.ts";
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
  await writeFolderAtomically(target, {
    check: refuseOccupied,
    async fill(folder) {
      for (const [file, pieces] of Object.entries(exported)) {
        await writePieces(join(folder, file), pieces, files);
      }
    },
    files,
  });
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
