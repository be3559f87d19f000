import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { seededRandom } from "../../src/base/random.ts";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** A command of ours, running. */
export interface Running {
  readonly child: ChildProcess;
  /** All that it has said so far, on both streams. */
  output(): string;
  readonly exit: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

/** A run of 30 steps of 8 leaves that takes a second or two. */
export const SMALL_RUN = ["--preset", "tiny", "--set", "steps=30", "--set", "evaluateEvery=10"];

/** Where a process runs. */
export interface ProcessWorld {
  /** Added to ours. */
  readonly environment?: Readonly<Record<string, string>>;
  /** A command that runs another in its place, for example ["ip", "netns", "exec", NAME]. */
  readonly on?: readonly string[];
}

/** Starts `smallinit` with these arguments; in a process group of its own when `isGroup`. */
export function smallinit(
  args: readonly string[],
  isGroup = false,
  { environment = {}, on = [] }: ProcessWorld = {},
): Running {
  const [command = "", ...first] = [...on, process.execPath, MAIN];
  const child = spawn(command, [...first, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    detached: isGroup,
    env: { ...process.env, ...environment },
  });
  let text = "";
  child.stdout.on("data", (data: Buffer) => {
    text += data.toString();
  });
  child.stderr.on("data", (data: Buffer) => {
    text += data.toString();
  });
  const exit = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
  return { child, output: () => text, exit };
}

/** A data folder as nanoGPT writes it: a text in which each token mostly decides the next. */
export async function writeData(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const random = seededRandom(11);
  const tokens = new Uint16Array(6000);
  for (let i = 1; i < tokens.length; i++) {
    const last = tokens[i - 1] ?? 0;
    tokens[i] = random.uniform() < 0.8 ? (last * 5 + 3) % 24 : random.uint32() % 24;
  }
  writeFileSync(join(folder, "train.bin"), tokens.subarray(0, 5000));
  writeFileSync(join(folder, "val.bin"), tokens.subarray(5000));
}

/** A coordinator and workers, each in a process of its own. */
export interface Fleet {
  readonly coordinator: Running;
  readonly url: string;
  readonly workers: readonly Running[];
}

/** Starts a coordinator, and as many workers once it listens. */
export async function startFleet(
  args: readonly string[],
  numWorkers: number,
  workerArgs: readonly string[] = [],
): Promise<Fleet> {
  const coordinator = smallinit([...args, "--listen", "127.0.0.1:0"]);
  const url = await until("the join URL", coordinator, () => {
    return /smallinit worker '(?<url>[^']+)'/.exec(coordinator.output())?.groups?.url;
  });
  const workers = Array.from({ length: numWorkers }, () => startWorker(url, workerArgs));
  return { coordinator, url, workers };
}

/** Starts a worker of one thread. */
export function startWorker(
  url: string,
  workerArgs: readonly string[] = [],
  world: ProcessWorld = {},
): Running {
  return smallinit(["worker", url, "--threads", "1", ...workerArgs], false, world);
}

/** Looks again and again until `look` finds something; fails when the process ends before. */
export async function until<T>(
  what: string,
  running: Running,
  look: () => T | undefined,
): Promise<T> {
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    if (running.child.exitCode !== null || running.child.signalCode !== null) {
      throw new Error(`The process ended before ${what}:\n${running.output()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Waits until a run has done so many steps. */
export function untilStep(run: string, step: number, running: Running): Promise<true> {
  return until(`step ${step}`, running, () => (stepsOf(run).length >= step ? true : undefined));
}

/** The steps in a run's metrics, in their order. */
export function stepsOf(run: string): readonly unknown[] {
  return linesOf(run, "metrics.jsonl").flatMap(({ step, loss }) =>
    loss === undefined ? [] : [step],
  );
}

/** The validation losses in a run's metrics, by step. */
export function validationsOf(run: string): readonly unknown[] {
  return linesOf(run, "metrics.jsonl").filter(({ validationLoss }) => validationLoss !== undefined);
}

/** A run's events of one type. */
export function eventsOf(run: string, type: string): readonly Record<string, unknown>[] {
  return linesOf(run, "events.jsonl").filter((event) => event.type === type);
}

/** A run's summary.json. */
export function summaryOf(run: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(run, "summary.json"), "utf8"));
}

/** Whether a process still runs. */
export function isRunning(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
}

/** The lines of one of a run's files that are whole. */
export function linesOf(run: string, file: string): Record<string, unknown>[] {
  const path = join(run, file);
  if (!existsSync(path)) return [];
  // The last piece is empty, or a line that is being written.
  const complete = readFileSync(path, "utf8").split("\n").slice(0, -1);
  return complete.map((line) => JSON.parse(line));
}
