/** Our own mistake: it ends the process with exit code 70, and its message asks for a report. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/**
 * Holds an invariant of our own code; never used on input from a user, a file or the wire.
 *
 * @throws {AssertionError} when `condition` is false.
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Closes a `switch` over a tagged union: does not compile while a case is missing. */
export function assertNever(value: never): never {
  throw new AssertionError(`no case for ${JSON.stringify(value)}`);
}

/** `value`, which our own code has made certain is there (an element within bounds, say). */
export function defined<T>(value: T | undefined, what: string): T {
  assert(value !== undefined, `${what} is missing`);
  return value;
}
