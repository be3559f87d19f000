import { assert } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Configuration } from "../configuration/configuration.ts";
import type { RunStatus } from "./run-status.ts";
import type { RunSummary } from "./run-summary.ts";

/** What a run needs. */
export interface CoordinatorOptions {
  /** Path of the data folder. */
  readonly dataFolder: string;
  /** Path of the run folder; created when missing. */
  readonly runFolder: string;
  /** Complete, with `vocabSize`. */
  readonly configuration: Configuration;
  /** Port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** What workers must show; undefined: anybody may join. */
  readonly token?: string;
  /** Members without which the first step does not begin. */
  readonly minWorkers: number;
  /** Continue the run in `runFolder` from its newest whole checkpoint, or from the seed without one. */
  readonly isResume: boolean;
  /** Longest wait for the first `minWorkers`, and for a new worker after the last was lost. */
  readonly gatherTimeoutMs?: number;
  readonly packageVersion: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly onStatus?: (status: RunStatus) => void;
  /** Told once, with the URL that workers dial (without the token). */
  readonly onListening?: (url: string) => void;
  /** First abort: a checkpoint at the current step, then a clean end as `interrupted`. */
  readonly stopSignal: AbortSignal;
}

/**
 * Conducts one run from gathering workers to the summary.
 *
 * @returns the summary, also when the run failed or was interrupted after it began: see `status`.
 * @throws {TrainerError} when the run cannot begin: ERR_RUN_EXISTS, ERR_RUN_MISSING, ERR_PORT_IN_USE,
 *   and those of the data folder and of the checkpoint.
 */
export async function runCoordinator(_options: CoordinatorOptions): Promise<RunSummary> {
  assert(false, "the coordinator is being written");
}
