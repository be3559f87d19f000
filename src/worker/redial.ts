import type { Clock } from "../base/clock.ts";
import { TrainerError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import type { Link } from "../protocol/link.ts";
import { inSeconds } from "./in-seconds.ts";
import { isAbsent } from "./is-absent.ts";

/** How a lost coordinator is called. */
export interface RedialOptions {
  dialOnce(): Promise<Link>;
  /** From the loss; the last call begins before it has passed. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Spreads the calls of many workers. */
  readonly random: Random;
  /** Whether nobody wants the link any more. */
  isOver(): boolean;
  /** Tells people, about every ten seconds. */
  onWait(text: string): void;
}

/** The first pause between calls, doubled until the longest. */
const PAUSE_MS_MIN = 100;
const PAUSE_MS_MAX = 200;
const TOLD_EVERY_MS = 10_000;

/**
 * Calls a coordinator that was lost until it, or its heir, answers.
 *
 * @returns undefined when `isOver` says so.
 * @throws {TrainerError} ERR_COORDINATOR_LOST when nobody has answered in time; at once what waiting does
 *   not mend, such as a wrong token.
 */
export async function redial(options: RedialOptions): Promise<Link | undefined> {
  const { timeoutMs, clock, random } = options;
  const startMs = clock.nowMs();
  let toldMs = Number.NEGATIVE_INFINITY;
  for (let pauseMs = PAUSE_MS_MIN; !options.isOver(); pauseMs *= 2) {
    const waitedMs = clock.nowMs() - startMs;
    if (clock.nowMs() - toldMs >= TOLD_EVERY_MS) {
      options.onWait(
        `coordinator lost, redialling, ${inSeconds(waitedMs)} of ${inSeconds(timeoutMs)}`,
      );
      toldMs = clock.nowMs();
    }
    try {
      return await options.dialOnce();
    } catch (error) {
      if (!isAbsent(error)) throw error;
      const nextMs = Math.min(pauseMs, PAUSE_MS_MAX) * (0.5 + random.uniform() / 2);
      if (clock.nowMs() - startMs + nextMs > timeoutMs) throw lost(timeoutMs, error);
      await new Promise<void>((resolve) => clock.after(nextMs, resolve));
    }
  }
  return undefined;
}

function lost(timeoutMs: number, cause: TrainerError): TrainerError {
  return new TrainerError(
    "ERR_COORDINATOR_LOST",
    `The coordinator was lost, and has not come back within ${inSeconds(timeoutMs)}: ${cause.message} ` +
      "Continue the run with `smallinit resume RUN` on its host, and start this worker again.",
    { cause },
  );
}
