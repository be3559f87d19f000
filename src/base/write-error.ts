import { TrainerError } from "./errors.ts";

/** The named error for a failure of the file system; anything else is given back as it is. */
export function asWriteError(path: string, error: unknown): unknown {
  const code = systemCode(error);
  if (code === undefined) return error;
  const remedy = REMEDIES[code] ?? "Check the path and the disk.";
  const message = error instanceof Error ? error.message : String(error);
  return new TrainerError("ERR_WRITE", `Could not write ${path} (${message}). ${remedy}`, {
    cause: error,
  });
}

/** The code of a failed system call, for example "ENOSPC". */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error && "syscall" in error && "code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

const FULL = "The disk or the quota is full: free some space, or choose another place.";
const FORBIDDEN = "You may not write there: change the permissions, or choose another place.";

const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EFBIG: "The file system does not take files of this size: choose another place.",
  EACCES: FORBIDDEN,
  EPERM: FORBIDDEN,
  EROFS: FORBIDDEN,
  ENOENT: "A folder on the way does not exist: create it.",
  ENOTDIR: "Something on the way is not a folder: choose another place.",
  EISDIR: "A folder is in its place: remove it, or choose another place.",
};
