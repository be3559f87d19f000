import { assert } from "../base/assert.ts";
import type { Log } from "../base/log.ts";
import type { FleetConfiguration } from "../configuration/configuration.ts";

/** What a worker needs. */
export interface WorkerOptions {
  /** ws://HOST:PORT or wss://HOST:PORT of the coordinator, with an optional #TOKEN. */
  readonly url: string;
  /** Undefined: as the run's configuration says. */
  readonly engine?: FleetConfiguration["engine"];
  readonly device: string;
  readonly numThreads: number;
  /** Longest wait for the coordinator to take the first call. */
  readonly timeoutMs: number;
  /** For people, for example "host-b/4711". */
  readonly name: string;
  readonly packageVersion: string;
  readonly log: Log;
  /** Aborted: leave the fleet at once. */
  readonly stopSignal: AbortSignal;
}

/** How a worker's work ended: always by the coordinator's word. */
export interface WorkerOutcome {
  /** The coordinator's reason, for example "the run is complete". */
  readonly reason: string;
}

/**
 * Works for one coordinator until it says that the run has ended.
 *
 * @throws {TrainerError} ERR_COORDINATOR_LOST when its link closes or falls silent, ERR_REJECTED when
 *   it does not take this worker or drops it, ERR_WORKER_STOPPED on `stopSignal`, and those of engines.
 */
export async function runWorker(_options: WorkerOptions): Promise<WorkerOutcome> {
  assert(false, "the worker is being written");
}
