import { TrainerError } from "../base/errors.ts";

/** The error for something else that answers at an address. */
export function notSmallinit(where: string, what: string, cause?: Error): TrainerError {
  return new TrainerError(
    "ERR_NOT_SMALLINIT",
    `What listens at ${where} is no smallinit coordinator of this version: ${what}. Check the port.`,
    { cause },
  );
}
