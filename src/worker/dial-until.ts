import type { Clock } from "../base/clock.ts";
import { TrainerError } from "../base/errors.ts";
import type { Link } from "../protocol/link.ts";

/** Between two calls of a coordinator that may not have been started yet. */
const PAUSE_MS = 500;

/**
 * Calls until somebody answers: workers may be started before their coordinator.
 *
 * @throws {TrainerError} what the last call threw, once `timeoutMs` have passed; at once what waiting
 *   does not mend, such as a wrong token.
 */
export async function dialUntil(
  dialOnce: () => Promise<Link>,
  { timeoutMs, clock }: { readonly timeoutMs: number; readonly clock: Clock },
): Promise<Link> {
  const startMs = clock.nowMs();
  for (;;) {
    try {
      return await dialOnce();
    } catch (error) {
      const isPassing =
        error instanceof TrainerError &&
        (error.code === "ERR_CONNECT" || error.code === "ERR_CONNECT_TIMEOUT");
      if (!isPassing || clock.nowMs() - startMs + PAUSE_MS > timeoutMs) throw error;
      await new Promise<void>((resolve) => clock.after(PAUSE_MS, resolve));
    }
  }
}
