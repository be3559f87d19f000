import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import type { Environment } from "../base/environment.ts";
import { asWriteError } from "../base/write-error.ts";

/** How to start a process. */
export interface ProcessStart {
  /** Executable and arguments. */
  readonly command: readonly [string, ...string[]];
  readonly environment: Environment;
}

/** How a process ended. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

/** What a kept process is kept by. */
export interface KeptProcessOptions {
  /** Called for each start: a second one may need other arguments. */
  start(): ProcessStart;
  /** Its output is appended there. */
  readonly logFile: string;
  /** Whether one that has ended is started again. */
  isWanted(end: ProcessEnd): boolean;
  /** From an end to the next start. */
  readonly restartMs: number;
}

/** A process that is started again when it ends before its time. */
export class KeptProcess {
  readonly #options: KeptProcessOptions;
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isOver: boolean = false;
  #isFrozen = false;
  #numStarts = 0;
  #finish: (end: ProcessEnd) => void = () => undefined;
  /** Kept when it has ended and is not wanted again. */
  readonly ended: Promise<ProcessEnd>;

  constructor(options: KeptProcessOptions) {
    this.#options = options;
    this.ended = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  /** Undefined between an end and the next start. */
  get processId(): number | undefined {
    return this.#child?.pid;
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  get numStarts(): number {
    return this.#numStarts;
  }

  /** @throws {TrainerError} ERR_WRITE when its log cannot be opened. */
  start(): void {
    this.#numStarts += 1;
    const { command, environment } = this.#options.start();
    const [executable, ...args] = command;
    const log = openLog(this.#options.logFile);
    // In a group of its own: the terminal's Ctrl-C is for the conductor alone, who passes it on.
    const child = spawn(executable, args, {
      stdio: ["ignore", log, log],
      env: environment,
      detached: true,
    });
    closeSync(log);
    this.#child = child;
    child.once("error", () => this.#onEnd({ code: null, signal: null }));
    child.once("exit", (code, signal) => this.#onEnd({ code, signal }));
  }

  /** Gives whether there was a process to send it to. */
  signal(name: "SIGKILL" | "SIGTERM" | "SIGINT" | "SIGSTOP" | "SIGCONT"): boolean {
    const isSent = this.#child?.kill(name) === true;
    if (name === "SIGSTOP") this.#isFrozen = isSent;
    if (name === "SIGCONT") this.#isFrozen = false;
    return isSent;
  }

  /** It is not started again any more. */
  letEnd(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    if (this.#child === undefined) this.#finish({ code: null, signal: null });
  }

  #onEnd(end: ProcessEnd): void {
    this.#child = undefined;
    this.#isFrozen = false;
    if (this.#isOver || !this.#options.isWanted(end)) {
      this.#isOver = true;
      this.#finish(end);
      return;
    }
    this.#timer = setTimeout(() => this.start(), this.#options.restartMs);
  }
}

function openLog(path: string): number {
  try {
    return openSync(path, "a");
  } catch (error) {
    throw asWriteError(path, error);
  }
}
