import type { Environment } from "../base/environment.ts";
import { TrainerError } from "../base/errors.ts";

const VARIABLE = "SMALLINIT_SHARED_MEMORY";

/** For the help of commands that talk to workers. */
export const SHARED_MEMORY_HELP = `Processes on one machine hand gradients over in /dev/shm where they can; ${VARIABLE}=off
in the environment leaves them to the sockets.`;

/**
 * Whether the user lets processes of one machine share memory; yes unless the variable is "off".
 *
 * @throws {TrainerError} ERR_USAGE when it is neither "on" nor "off".
 */
export function sharesMemory(environment: Environment): boolean {
  const value = environment[VARIABLE] ?? "on";
  if (value === "on" || value === "off" || value === "") return value !== "off";
  throw new TrainerError(
    "ERR_USAGE",
    `${VARIABLE} is ${JSON.stringify(value)} in the environment, but must be on or off.`,
  );
}
