import type { Stats } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { TrainerError } from "../base/errors.ts";
import { systemCode } from "../base/write-error.ts";

/** One document of a corpus. */
export interface CorpusFile {
  /** The path below the folder that the user named, or else the file's name alone. */
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
}

/**
 * The files of a corpus in a fixed order: arguments as given, a folder's files by name.
 *
 * A folder stands for every file below it, but for hidden ones; links to folders are not followed. A
 * file that is named twice counts once.
 *
 * @throws {TrainerError} ERR_CORPUS_MISSING, ERR_CORPUS_UNREADABLE; ERR_CORPUS_EMPTY when there is no
 *   file, or none with a byte in it.
 */
export async function corpusFiles(inputs: readonly string[]): Promise<CorpusFile[]> {
  const files = new Map<string, CorpusFile>();
  for (const input of inputs) {
    for (const file of await filesOf(input)) {
      if (!files.has(file.path)) files.set(file.path, file);
    }
  }
  const found = [...files.values()];
  if (found.every(({ bytes }) => bytes === 0)) {
    throw new TrainerError(
      "ERR_CORPUS_EMPTY",
      `There is no text in ${inputs.join(", ") || "nothing"}: ${found.length} files, all empty. ` +
        "Name files of UTF-8 text, or folders that hold some.",
    );
  }
  return found;
}

async function filesOf(input: string): Promise<CorpusFile[]> {
  const path = resolve(input);
  const found = await statOf(path, input);
  if (found.isDirectory()) return filesBelow(path, "");
  if (!found.isFile()) {
    throw new TrainerError(
      "ERR_CORPUS_UNREADABLE",
      `${input} is neither a file nor a folder. Save the text to a file first: it is read twice.`,
    );
  }
  return [{ name: basename(path), path, bytes: found.size }];
}

async function filesBelow(folder: string, prefix: string): Promise<CorpusFile[]> {
  const files: CorpusFile[] = [];
  for (const name of await namesIn(folder)) {
    const path = join(folder, name);
    const found = await statOf(path, path);
    if (found.isFile()) files.push({ name: prefix + name, path, bytes: found.size });
    if (found.isDirectory()) files.push(...(await filesBelow(path, `${prefix}${name}/`)));
  }
  return files;
}

/** Sorted by code units, not by locale: the order must not depend on the machine. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const isTaken = await Promise.all(
      entries.map(async (entry) => {
        if (entry.name.startsWith(".")) return false;
        if (!entry.isSymbolicLink()) return true;
        return (await stat(join(folder, entry.name))).isFile();
      }),
    );
    return entries.flatMap((entry, i) => (isTaken[i] ? [entry.name] : [])).sort();
  } catch (cause) {
    throw unreadable(folder, cause);
  }
}

async function statOf(path: string, shown: string): Promise<Stats> {
  try {
    return await stat(path);
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") {
      throw new TrainerError(
        "ERR_CORPUS_MISSING",
        `There is no file or folder ${shown}. Check the path.`,
        { cause },
      );
    }
    throw unreadable(shown, cause);
  }
}

/** The failure of a file or folder that is there but does not let itself be read. */
export function unreadable(path: string, cause: unknown): TrainerError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new TrainerError(
    "ERR_CORPUS_UNREADABLE",
    `${path} cannot be read (${reason}). Check its permissions, or leave it out.`,
    { cause },
  );
}
