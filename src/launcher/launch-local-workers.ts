import { assert } from "../base/assert.ts";
import type { Log } from "../base/log.ts";

/** Which workers to start on this machine. */
export interface LaunchOptions {
  /** Of the coordinator, without the token. */
  readonly url: string;
  readonly token?: string;
  readonly numWorkers: number;
  /** Executable and first arguments, for example [process.execPath, ".../dist/cli/main.js"]. */
  readonly command: readonly string[];
  /** Further arguments after `worker URL`, for example ["--engine", "tfjs"]. */
  readonly workerArguments?: readonly string[];
  /** Each worker's output goes to `worker-N.log` there, N from 0. */
  readonly logFolder: string;
  readonly log: Log;
  /** Told when a worker ends with another code than 0, or by a signal. */
  readonly onEarlyExit?: (exit: WorkerExit) => void;
}

/** How a worker's process ended. */
export interface WorkerExit {
  readonly workerIndex: number;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** One line for people with the last line of the worker's log. */
  readonly message: string;
}

/** Worker processes of this machine. */
export interface LocalWorkers {
  readonly processIds: readonly number[];
  /** Kept when every worker has ended. */
  readonly ended: Promise<readonly WorkerExit[]>;
  /** Waits `graceMs` for them to end by the coordinator's word, then kills those left. */
  stop(graceMs: number): Promise<void>;
}

/** Starts workers on this machine, each with its share of the cores, or a GPU of its own. */
export async function launchLocalWorkers(_options: LaunchOptions): Promise<LocalWorkers> {
  assert(false, "the launcher is being written");
}
