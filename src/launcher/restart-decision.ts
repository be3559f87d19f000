/** What is known of a worker's process that has ended early. */
export interface EndedLife {
  readonly lifeMs: number;
  /** Exit code or signal; neither when it could not be started. */
  readonly code: number | null;
  readonly signal: string | null;
  /** The last line that it wrote: `CODE: message` when it ended by an error of its own. */
  readonly lastLine: string;
  /** Short lives of this worker before this one, without a long one since. */
  readonly numShortLives: number;
}

/** What becomes of a worker whose process has ended. */
export type RestartDecision =
  | { readonly type: "restart"; readonly delayMs: number; readonly numShortLives: number }
  | { readonly type: "give-up"; readonly why: string };

/**
 * A second, in which the others have finished the step that was lost: on the same cores, a process that
 * starts would slow them down. Doubled with each short life, up to half a minute.
 */
const FIRST_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 30_000;

/** A process that lived so long has worked: what ended it was no fault that it was started with. */
const SHORT_LIFE_MS = 15_000;

/** Errors that a worker meets again as soon as it is started again. */
const LASTING_ERRORS: ReadonlySet<string> = new Set([
  ...["ERR_ENGINE", "ERR_MEMORY", "ERR_PROTOCOL_VERSION", "ERR_TOKEN_WRONG", "ERR_FLEET_MIXED"],
  ...["ERR_FLEET_FULL", "ERR_RUN_ENDED", "ERR_WORKER_STOPPED"],
]);

/** Exit code of wrong usage, which does not become right by itself. */
const EXIT_USAGE = 2;

/** Whether a local worker is started again, and when. Pure: the launcher does it. */
export function restartDecision(life: EndedLife, maxRestarts: number): RestartDecision {
  const isShort = life.lifeMs < SHORT_LIFE_MS;
  const error = /^(ERR_[A-Z_]+):/.exec(life.lastLine)?.[1];
  const isLasting =
    life.code === EXIT_USAGE ||
    (life.code === null && life.signal === null) ||
    LASTING_ERRORS.has(error ?? "");
  if (maxRestarts === 0) return { type: "give-up", why: "restarts are off" };
  if (isShort && isLasting) return { type: "give-up", why: "it would end the same way again" };
  const numShortLives = isShort ? life.numShortLives + 1 : 1;
  if (numShortLives > maxRestarts) {
    const seconds = SHORT_LIFE_MS / 1000;
    return {
      type: "give-up",
      why: `it ended ${numShortLives} times in a row within ${seconds} s of its start`,
    };
  }
  const delayMs = Math.min(FIRST_DELAY_MS * 2 ** (numShortLives - 1), LONGEST_DELAY_MS);
  return { type: "restart", delayMs, numShortLives };
}
