import { dirname } from "node:path";
import { syncFolder, writePieces } from "./durable-file.ts";
import { type FileLayer, systemFiles } from "./file-layer.ts";
import { asWriteError } from "./write-error.ts";

/**
 * Writes a whole file so that a reader, also after a crash or a power cut, finds either its former
 * content or all of the new, and never a part.
 *
 * The content goes to `path` + ".tmp" first, so a path has one writer at a time; what a crash leaves
 * there, the next write replaces.
 *
 * @param mode who may read it, for example 0o600 for a secret; default: as the umask says.
 * @throws {TrainerError} ERR_WRITE on a full disk, missing permission and the like; then the former
 *   content is whole and no temporary file remains.
 */
export async function writeFileAtomically(
  path: string,
  content: Uint8Array | string,
  files: FileLayer = systemFiles,
  mode?: number,
): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    await writePieces(temporary, [asBytes(content)], files, mode);
    await files.rename(temporary, path);
    await syncFolder(dirname(path), files);
  } catch (error) {
    await files.rm(temporary, { force: true }).catch(() => undefined);
    throw asWriteError(path, error);
  }
}

function asBytes(content: Uint8Array | string): Uint8Array {
  return typeof content === "string" ? Buffer.from(content) : content;
}
