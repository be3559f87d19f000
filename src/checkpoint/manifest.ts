import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { WrittenFile } from "../base/durable-file.ts";
import { TrainerError } from "../base/errors.ts";
import { fileDigest } from "../base/file-digest.ts";
import { systemCode } from "../base/write-error.ts";

/** The files of a checkpoint, as they were written. */
export type Manifest = Readonly<Record<string, WrittenFile>>;

/** The manifest's own name. */
export const MANIFEST_FILE = "manifest.json";

const FORMAT = "smallinit checkpoint 1";

/** The text of a checkpoint's manifest. */
export function formatManifest(files: Manifest): string {
  return `${JSON.stringify({ format: FORMAT, files }, undefined, 2)}\n`;
}

/**
 * Reads a checkpoint's manifest.
 *
 * @throws {TrainerError} ERR_CHECKPOINT_MISSING when there is none; ERR_CHECKPOINT_DAMAGED when it is
 *   none of ours.
 */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, MANIFEST_FILE);
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new TrainerError(
      "ERR_CHECKPOINT_MISSING",
      `${folder} is not a checkpoint: ${describeReadFailure(MANIFEST_FILE, cause)}. ` +
        "Name a folder like RUN/checkpoints/step-00000500.",
      { cause },
    );
  });
  const files = parseManifest(text);
  if (files === undefined) refuseCheckpoint(folder, `its ${MANIFEST_FILE} is not "${FORMAT}"`);
  return files;
}

/**
 * Compares files of a checkpoint with its manifest: size, then SHA-256.
 *
 * @throws {TrainerError} ERR_CHECKPOINT_DAMAGED, naming the first file that is missing or altered.
 */
export async function checkFiles(
  folder: string,
  manifest: Manifest,
  names: readonly string[],
): Promise<void> {
  await checkSizes(folder, manifest, names);
  for (const name of names) {
    const sha256 = await fileDigest(join(folder, name)).catch(asDamage(folder, name));
    if (sha256 === manifest[name]?.sha256) continue;
    refuseCheckpoint(folder, `${name} was altered: its SHA-256 is not the manifest's`);
  }
}

/**
 * Compares the sizes alone of files of a checkpoint with its manifest.
 *
 * @throws {TrainerError} ERR_CHECKPOINT_DAMAGED, naming the first file that is missing or has another size.
 */
export async function checkSizes(
  folder: string,
  manifest: Manifest,
  names: readonly string[],
): Promise<void> {
  for (const name of names) {
    const written = manifest[name];
    if (written === undefined) refuseCheckpoint(folder, `its manifest does not list ${name}`);
    const { size } = await stat(join(folder, name)).catch(asDamage(folder, name));
    if (size === written.bytes) continue;
    refuseCheckpoint(folder, `${name} has ${size} bytes, and was written with ${written.bytes}`);
  }
}

/** Throws the one error that all faults of a checkpoint's content have. */
export function refuseCheckpoint(folder: string, what: string, cause?: unknown): never {
  throw new TrainerError(
    "ERR_CHECKPOINT_DAMAGED",
    `The checkpoint ${folder} is damaged: ${what}. Use another checkpoint of the run, or copy it again.`,
    { cause },
  );
}

function parseManifest(text: string): Manifest | undefined {
  try {
    const { format, files } = JSON.parse(text) as { format?: unknown; files?: unknown };
    if (format !== FORMAT || typeof files !== "object" || files === null) return undefined;
    return Object.values(files).every(isWrittenFile) ? (files as Manifest) : undefined;
  } catch {
    return undefined;
  }
}

function isWrittenFile(value: unknown): value is WrittenFile {
  if (typeof value !== "object" || value === null) return false;
  const { bytes, sha256 } = value as { bytes?: unknown; sha256?: unknown };
  return typeof bytes === "number" && typeof sha256 === "string";
}

/** What a file of a checkpoint that cannot be read makes of the checkpoint. */
function asDamage(folder: string, name: string): (cause: unknown) => never {
  return (cause) => {
    if (systemCode(cause) === undefined) throw cause;
    refuseCheckpoint(folder, describeReadFailure(name, cause), cause);
  };
}

function describeReadFailure(name: string, cause: unknown): string {
  if (systemCode(cause) === "ENOENT") return `it has no ${name}`;
  return `${name} cannot be read (${cause instanceof Error ? cause.message : String(cause)})`;
}
