import { type ErrorCode, EXIT_CODES, TrainerError } from "../base/errors.ts";

/** The error that the communication thread ended with; codes of the wire may be of another version. */
export function errorOf(failure: { readonly code: string; readonly message: string }) {
  const { code, message } = failure;
  const isOurs = Object.hasOwn(EXIT_CODES, code);
  return isOurs
    ? new TrainerError(code as ErrorCode, message)
    : new TrainerError("ERR_REJECTED", `${code}: ${message}`);
}
