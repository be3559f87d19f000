import type { Clock } from "../base/clock.ts";
import { TrainerError } from "../base/errors.ts";
import type { WorkerOptions, WorkerOutcome } from "./run-worker.ts";

/** What working for several runs takes. */
export interface RunsOptions {
  /** `log` and `timeoutMs` are used here, all else by `runOnce`. */
  readonly worker: WorkerOptions;
  readonly clock: Clock;
  runOnce(worker: WorkerOptions): Promise<WorkerOutcome>;
}

/** Between two calls while a run has ended and the next has not begun. */
const PAUSE_MS = 500;

/**
 * Works for one run after another that is conducted at one URL, as by `smallinit compare --listen`: after
 * a run it calls again, until nobody has answered for `timeoutMs`.
 *
 * @returns how many runs it has worked for until they ended.
 * @throws {TrainerError} what `runOnce` throws, except that after a first run there need not be another.
 */
export async function workForRuns({ worker, clock, runOnce }: RunsOptions): Promise<number> {
  let numRuns = 0;
  let endedMs = clock.nowMs();
  for (;;) {
    try {
      const { reason } = await runOnce(worker);
      numRuns++;
      endedMs = clock.nowMs();
      worker.log.info(`Run ${numRuns} is over: ${reason}. Calling for the next.`);
    } catch (error) {
      const isBetweenRuns = numRuns > 0 && error instanceof TrainerError && BETWEEN.has(error.code);
      if (!isBetweenRuns) throw error;
      if (clock.nowMs() - endedMs >= worker.timeoutMs) return numRuns;
      await new Promise<void>((resolve) => clock.after(PAUSE_MS, resolve));
    }
  }
}

/** What a caller meets while one run is being ended and the next has not begun to listen. */
const BETWEEN: ReadonlySet<string> = new Set([
  "ERR_CONNECT",
  "ERR_CONNECT_TIMEOUT",
  "ERR_COORDINATOR_LOST",
  "ERR_RUN_ENDED",
]);
