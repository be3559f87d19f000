import { mkdir } from "node:fs/promises";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { asWriteError } from "../base/write-error.ts";
import { availableCores, threadsPerWorker } from "./devices.ts";
import { LocalWorker } from "./local-worker.ts";

/** Which workers to start on this machine. */
export interface LaunchOptions {
  /** Of the coordinator, without the token. */
  readonly url: string;
  /** Given to the workers by their environment: arguments are visible to other users. */
  readonly token?: string;
  readonly numWorkers: number;
  /** Worker i computes on the device i modulo their number; default: all on the CPU. */
  readonly devices?: readonly string[];
  /** Executable and first arguments, for example [process.execPath, ".../dist/cli/main.js"]. */
  readonly command: readonly string[];
  /** Further arguments after `worker URL`, for example ["--engine", "tfjs"]. */
  readonly workerArguments?: readonly string[];
  /** Each worker's output goes to `worker-N.log` there, N from 0. */
  readonly logFolder: string;
  readonly log: Log;
  readonly clock: Clock;
  /** How often in a row a worker that ends early is started again; 0: never. */
  readonly maxRestarts: number;
  /** Told when a worker ends with another code than 0, or by a signal. */
  readonly onEarlyExit?: (exit: WorkerExit) => void;
}

/** How a worker's process ended. */
export interface WorkerExit {
  readonly workerIndex: number;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last line of the worker's log. */
  readonly lastLine: string;
  /** When it is started again; undefined: never. */
  readonly restartMs: number | undefined;
  /** One line for people: how it ended, and what follows. */
  readonly message: string;
}

/** Worker processes of this machine. */
export interface LocalWorkers {
  /** Of those that run now, or ran last. */
  readonly processIds: readonly number[];
  /** Kept when every worker has ended for good. */
  readonly ended: Promise<readonly WorkerExit[]>;
  /**
   * The run has lost the worker of this process: unless it ends by itself within seconds, it is killed.
   * What follows is as after any early end. Other processes are left alone.
   */
  replace(processId: number): void;
  /** Waits `graceMs` for them to end by the coordinator's word, then kills those left. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Starts workers on this machine, each with its share of the cores and its device.
 *
 * One that ends early is started again: see `restartDecision`. They end by the coordinator's word, or
 * when their link to it closes: so none stays behind, even when this process is killed.
 *
 * @throws {TrainerError} ERR_WRITE when the log folder cannot be made.
 */
export async function launchLocalWorkers(options: LaunchOptions): Promise<LocalWorkers> {
  const { numWorkers, logFolder, devices = ["cpu"] } = options;
  try {
    await mkdir(logFolder, { recursive: true });
  } catch (error) {
    throw asWriteError(logFolder, error);
  }
  const numThreads = threadsPerWorker(await availableCores(), numWorkers);
  const workers = Array.from(
    { length: numWorkers },
    (_, workerIndex) =>
      new LocalWorker(options, {
        ...{ workerIndex, numThreads },
        device: devices[workerIndex % devices.length] ?? "cpu",
      }),
  );
  const ended = Promise.all(workers.map((worker) => worker.ended));
  return {
    get processIds() {
      return workers.flatMap(({ processId }) => (processId === undefined ? [] : [processId]));
    },
    ended,
    replace(processId) {
      for (const worker of workers) worker.replace(processId);
    },
    async stop(graceMs) {
      for (const worker of workers) worker.leave();
      const timer = setTimeout(() => {
        for (const worker of workers) worker.kill();
      }, graceMs);
      await ended;
      clearTimeout(timer);
    },
  };
}
