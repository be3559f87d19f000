import { TrainerError } from "../base/errors.ts";

/** The failure of a file of a data folder that is not there or cannot be read. */
export function missing(path: string, cause: unknown): TrainerError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new TrainerError(
    "ERR_DATA_MISSING",
    `${path} cannot be read (${reason}). Check the path of the data folder, or make one with ` +
      "`smallinit prepare`.",
    { cause },
  );
}

/** The failure of a file of a data folder that is not what it should be. */
export function damaged(path: string, what: string): TrainerError {
  return new TrainerError(
    "ERR_DATA_DAMAGED",
    `${path} is damaged: ${what}. Prepare the data again, or copy the folder anew.`,
  );
}
