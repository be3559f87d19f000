import type { Clock } from "../base/clock.ts";
import type { Link } from "../protocol/link.ts";
import { inSeconds } from "./in-seconds.ts";
import { isAbsent } from "./is-absent.ts";

/** How long, and by what means, a coordinator that may not have been started yet is called. */
export interface DialUntilOptions {
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Who is called, for people: without the token. */
  readonly label: string;
  /** Tells people: after a second, then every ten. */
  onWait(text: string): void;
}

/** Between two calls of a coordinator that may not have been started yet. */
const PAUSE_MS = 500;

/** A coordinator that is there answers sooner; who is told nothing for longer wonders. */
const TOLD_AFTER_MS = 1000;
const TOLD_EVERY_MS = 10_000;

/**
 * Calls until somebody answers: workers may be started before their coordinator.
 *
 * @throws {TrainerError} what the last call threw, once `timeoutMs` have passed; at once what waiting
 *   does not mend, such as a wrong token.
 */
export async function dialUntil(
  dialOnce: () => Promise<Link>,
  options: DialUntilOptions,
): Promise<Link> {
  const { timeoutMs, clock } = options;
  const startMs = clock.nowMs();
  const stopTelling = tellOfWait(options);
  try {
    for (;;) {
      try {
        return await dialOnce();
      } catch (error) {
        if (!isAbsent(error) || clock.nowMs() - startMs + PAUSE_MS > timeoutMs) throw error;
        await new Promise<void>((resolve) => clock.after(PAUSE_MS, resolve));
      }
    }
  } finally {
    stopTelling();
  }
}

/** By timers of its own: a single call may hang for seconds. */
function tellOfWait({ timeoutMs, clock, label, onWait }: DialUntilOptions): () => void {
  const startMs = clock.nowMs();
  let cancel = clock.after(TOLD_AFTER_MS, tell);
  function tell(): void {
    const waited = inSeconds(clock.nowMs() - startMs);
    onWait(`waiting for a coordinator to answer at ${label}, ${waited} of ${inSeconds(timeoutMs)}`);
    cancel = clock.after(TOLD_EVERY_MS, tell);
  }
  return () => cancel();
}
