import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, type WriteStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ALLOCATOR_SETTINGS } from "./allocator-settings.ts";
import type { LaunchOptions } from "./launch-local-workers.ts";

/** What makes one worker different from the others. */
export interface Share {
  readonly workerIndex: number;
  readonly numThreads: number;
  readonly device: string;
}

/** How a process ended: by neither code nor signal when it could not be started. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly lastLine: string;
}

/** A worker's process. */
export interface StartedWorker {
  readonly child: ChildProcess;
  readonly ended: Promise<ProcessEnd>;
}

/** Starts a worker's process, with its log. */
export function startWorker(options: LaunchOptions, share: Share): StartedWorker {
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
  const ended = new Promise<ProcessEnd>((resolve) => {
    // `close` comes after `exit` once the output has been read; `error` when it could not start.
    child.once("error", (error) => resolve({ code: null, signal: null, lastLine: error.message }));
    child.once("close", (code, signal) => {
      file.end();
      resolve({ code, signal, lastLine: lastLine() });
    });
  });
  return { child, ended };
}

/** Without its coordinator, which is this process, a local worker is nobody's: it ends at once. */
const ENDS_WITH_US = ["--coordinator-timeout", "0"];

function environmentOf({ token }: LaunchOptions, { numThreads }: Share): NodeJS.ProcessEnv {
  return {
    ...ALLOCATOR_SETTINGS,
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
