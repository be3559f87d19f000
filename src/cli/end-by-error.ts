import { CommanderError } from "commander";
import { EXIT_CODES, TrainerError } from "../base/errors.ts";

/** Exit code of a mistake of our own. */
const EXIT_BUG = 70;

/**
 * Says on stderr what ended a command, as one line `code: message`, and gives its exit code.
 *
 * Expected failures bear their own code; anything else is our bug: it comes with its stack and asks for
 * a report.
 */
export function explainError(error: unknown): number {
  if (error instanceof CommanderError) return explainUsage(error);
  if (error instanceof TrainerError) {
    process.stderr.write(`${error.code}: ${error.message}\n`);
    return EXIT_CODES[error.code];
  }
  const details = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(
    `ERR_BUG: smallinit has made a mistake; please report it with these lines.\n${details}\n`,
  );
  return EXIT_BUG;
}

/** commander has written its message already; `--help` and `--version` are no errors. */
function explainUsage(error: CommanderError): number {
  return error.exitCode === 0 ? 0 : 2;
}
