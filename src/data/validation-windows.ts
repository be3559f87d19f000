import { TrainerError } from "../base/errors.ts";

/**
 * The windows whose mean loss is the validation loss.
 *
 * Window i reads tokens [i·T, i·T + T]: T inputs and the same span shifted by one as targets. The tail
 * that does not fill a window is dropped, so every prediction weighs the same.
 *
 * @throws {TrainerError} ERR_DATA_SHORT when not even one window fits.
 */
export function validationWindows(numTokens: number, contextLength: number): ValidationWindows {
  checkPartLength("validation", numTokens, contextLength);
  return {
    numWindows: Math.floor((numTokens - 1) / contextLength),
    startOf: (windowIndex) => windowIndex * contextLength,
  };
}

/** How a validation part is cut. */
export interface ValidationWindows {
  readonly numWindows: number;
  /** First token of a window; T + 1 tokens are read from there. */
  startOf(windowIndex: number): number;
}

/** Refuses a part that holds no window. @throws {TrainerError} ERR_DATA_SHORT. */
export function checkPartLength(
  part: "training" | "validation",
  numTokens: number,
  contextLength: number,
): void {
  if (numTokens > contextLength) return;
  const remedy =
    part === "training"
      ? "Prepare more text or lower contextLength."
      : "Prepare more text, raise --validation or lower contextLength.";
  throw new TrainerError(
    "ERR_DATA_SHORT",
    `The ${part} part has ${numTokens} tokens, but one window of contextLength ${contextLength} ` +
      `needs ${contextLength + 1}. ${remedy}`,
  );
}
