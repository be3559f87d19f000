import { TrainerError } from "../base/errors.ts";

/** Whether a call failed as one does of a coordinator that is not there, yet or again: calling again may mend it. */
export function isAbsent(error: unknown): error is TrainerError {
  return (
    error instanceof TrainerError &&
    (error.code === "ERR_CONNECT" || error.code === "ERR_CONNECT_TIMEOUT")
  );
}
