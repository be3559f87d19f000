import { createHash } from "node:crypto";
import type { FileLayer } from "./file-layer.ts";

/** What was written, for a manifest. */
export interface WrittenFile {
  readonly bytes: number;
  /** 64 hexadecimal digits. */
  readonly sha256: string;
}

/**
 * Writes a new file piece by piece and waits until the disk has it. Errors are those of the system:
 * give them to `asWriteError`.
 *
 * @param mode of a file that does not exist yet.
 * @param pieces each may lie on shared memory, and must not change until the next is asked for.
 */
export async function writePieces(
  path: string,
  pieces: Iterable<Uint8Array>,
  files: FileLayer,
  mode?: number,
): Promise<WrittenFile> {
  const hash = createHash("sha256");
  let bytes = 0;
  const file = await files.open(path, "w", mode);
  try {
    for (const piece of pieces) {
      for (let begin = 0; begin < piece.byteLength; begin += MAX_WRITE_BYTES) {
        const part = piece.subarray(begin, begin + MAX_WRITE_BYTES);
        hash.update(part);
        // writeFile on a handle goes on where the last one ended, and repeats short writes.
        await file.writeFile(part);
        bytes += part.byteLength;
      }
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { bytes, sha256: hash.digest("hex") };
}

/** Keeps the event loop turning while gigabytes are hashed and written. */
const MAX_WRITE_BYTES = 2 ** 22;

/** Waits until the disk has the names in a folder, where the system can do that. */
export async function syncFolder(path: string, files: FileLayer): Promise<void> {
  const folder = await files.open(path, "r").catch(() => undefined);
  // Windows and some network file systems cannot: there the names are as safe as they get.
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}
