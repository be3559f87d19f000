import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, type WriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Log } from "../base/log.ts";
import { asWriteError } from "../base/write-error.ts";
import { availableCores, threadsPerWorker } from "./devices.ts";

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

/**
 * Starts workers on this machine, each with its share of the cores and its device.
 *
 * They end by the coordinator's word, or when their link to it closes: so none stays behind, even when
 * this process is killed.
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
  const workers = Array.from({ length: numWorkers }, (_, workerIndex) =>
    startWorker(options, {
      ...{ workerIndex, numThreads },
      device: devices[workerIndex % devices.length] ?? "cpu",
    }),
  );
  const ended = Promise.all(workers.map((worker) => worker.ended));
  return {
    processIds: workers.flatMap(({ child }) => (child.pid === undefined ? [] : [child.pid])),
    ended,
    async stop(graceMs) {
      const timer = setTimeout(() => {
        for (const { child } of workers) child.kill("SIGKILL");
      }, graceMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** What makes one worker different from the others. */
interface Share {
  readonly workerIndex: number;
  readonly numThreads: number;
  readonly device: string;
}

interface StartedWorker {
  readonly child: ChildProcess;
  readonly ended: Promise<WorkerExit>;
}

function startWorker(options: LaunchOptions, share: Share): StartedWorker {
  const { workerIndex, numThreads, device } = share;
  const [executable = process.execPath, ...first] = options.command;
  const where = [
    "--threads",
    String(numThreads),
    ...(device === "cpu" ? [] : ["--device", device]),
  ];
  const args = [...first, "worker", options.url, ...where, ...ENDS_WITH_US];
  const child = spawn(executable, [...args, ...(options.workerArguments ?? [])], {
    stdio: ["ignore", "pipe", "pipe"],
    env: environmentOf(options, share),
  });
  const file = createWriteStream(join(options.logFolder, `worker-${workerIndex}.log`), {
    flags: "a",
  });
  // A full disk must not end a worker that computes; its log just ends.
  file.on("error", () => undefined);
  const lastLine = keepLog(child, file, workerIndex);
  const ended = new Promise<WorkerExit>((resolve) => {
    // `close` comes after `exit` once the output has been read; `error` when it could not start.
    child.once("error", (error) => resolve(exitOf(workerIndex, null, null, error.message)));
    child.once("close", (code, signal) => {
      file.end();
      resolve(exitOf(workerIndex, code, signal, lastLine()));
    });
  });
  void ended.then((exit) => {
    if (exit.code !== 0) options.onEarlyExit?.(exit);
  });
  return { child, ended };
}

/** Without its coordinator, which is this process, a local worker is nobody's: it ends at once. */
const ENDS_WITH_US = ["--coordinator-timeout", "0"];

/**
 * glibc's allocator reads these when a process starts: it then keeps the memory of a step for the next
 * one, instead of giving it back to the kernel, which clears each page again (2 to 5 % of a step).
 */
const ALLOCATOR = {
  MALLOC_TRIM_THRESHOLD_: String(2 ** 33),
  MALLOC_MMAP_THRESHOLD_: String(2 ** 25),
} as const;

function environmentOf({ token }: LaunchOptions, { numThreads }: Share): NodeJS.ProcessEnv {
  return {
    ...ALLOCATOR,
    ...process.env,
    // Its first SIGINT is the terminal's, meant for the coordinator, whose word ends it.
    SMALLINIT_LOCAL_WORKER: "1",
    OMP_NUM_THREADS: String(numThreads),
    ...(token === undefined ? {} : { SMALLINIT_TOKEN: token }),
  };
}

/** Writes each line, prefixed, to the worker's log. Gives a function for the newest line. */
function keepLog(child: ChildProcess, file: WriteStream, workerIndex: number): () => string {
  let newest = "";
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on("line", (line) => {
      newest = line;
      file.write(`[worker ${workerIndex}] ${line}\n`);
    });
  }
  return () => newest;
}

function exitOf(
  workerIndex: number,
  code: number | null,
  signal: NodeJS.Signals | null,
  lastLine: string,
): WorkerExit {
  const how = signal === null ? `exit code ${code ?? "unknown"}` : `signal ${signal}`;
  const why = lastLine === "" ? "" : `: ${lastLine}`;
  const message = `Local worker ${workerIndex} ended early with ${how}${why}`;
  return { workerIndex, code, signal, message };
}
