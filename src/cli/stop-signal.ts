/** Exit code of a command that the user interrupted. */
export const EXIT_INTERRUPTED = 130;

/**
 * A signal that the first Ctrl-C (or SIGTERM) raises; the second ends the process at once.
 *
 * @param onFirst says to the user what happens now.
 */
export function stopOnInterrupt(onFirst: () => void): AbortSignal {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(EXIT_INTERRUPTED);
    controller.abort();
    onFirst();
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  return controller.signal;
}
