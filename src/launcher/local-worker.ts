import type { LaunchOptions, WorkerExit } from "./launch-local-workers.ts";
import { restartDecision } from "./restart-decision.ts";
import { type ProcessEnd, type Share, type StartedWorker, startWorker } from "./start-worker.ts";

/**
 * Milliseconds that a process has to end by itself after its run has lost it: no less than a worker
 * takes for its goodbye. One that is stopped, or hangs in a native call, never would.
 */
const LOST_GRACE_MS = 5000;

/** One worker: a process, and another in its place when it ends early. */
export class LocalWorker {
  readonly ended: Promise<WorkerExit>;
  readonly #options: LaunchOptions;
  readonly #share: Share;
  #process: StartedWorker;
  #numShortLives = 0;
  #isLeaving: boolean = false;
  /** When the run has lost the process that lives now. */
  #lostMs: number | undefined;
  /** Whether it had to be killed for that. */
  #isKilled: boolean = false;
  #cancelKill: () => void = () => undefined;
  /** Ends the wait for the next start, which then does not come. */
  #cancelRestart: () => void = () => undefined;

  constructor(options: LaunchOptions, share: Share) {
    this.#options = options;
    this.#share = share;
    this.#process = startWorker(options, share);
    this.ended = this.#liveOn();
  }

  get processId(): number | undefined {
    return this.#process.child.pid;
  }

  /** From now on, the end of its process is its own end. */
  leave(): void {
    this.#isLeaving = true;
    this.#cancelRestart();
  }

  kill(): void {
    this.#process.child.kill("SIGKILL");
  }

  /** Its process, if it is this one, is of no use to the run any more: it has to end. */
  replace(processId: number): void {
    const { child } = this.#process;
    const hasEnded = child.exitCode !== null || child.signalCode !== null;
    if (child.pid !== processId || hasEnded || this.#lostMs !== undefined) return;
    const { clock } = this.#options;
    this.#lostMs = clock.nowMs();
    this.#cancelKill = clock.after(LOST_GRACE_MS, () => {
      this.#isKilled = true;
      this.kill();
    });
  }

  async #liveOn(): Promise<WorkerExit> {
    const { clock, onEarlyExit } = this.#options;
    for (;;) {
      const bornMs = clock.nowMs();
      const end = await this.#process.ended;
      this.#cancelKill();
      // What came after its loss was no life: a worker that hangs at once has to count as short-lived.
      const exit = this.#judge(end, (this.#lostMs ?? clock.nowMs()) - bornMs);
      if (exit.code !== 0) onEarlyExit?.(exit);
      if (exit.restartMs === undefined) return exit;
      const isRestart = await this.#restartAfter(exit.restartMs);
      if (!isRestart) return exit;
      this.#lostMs = undefined;
      this.#isKilled = false;
      this.#process = startWorker(this.#options, this.#share);
    }
  }

  #judge(end: ProcessEnd, lifeMs: number): WorkerExit {
    const { workerIndex } = this.#share;
    const { code, signal, lastLine } = end;
    const how = signal === null ? `exit code ${code ?? "unknown"}` : `signal ${signal}`;
    const why = lastLine === "" ? "" : `: ${lastLine}`;
    const happened = this.#isKilled
      ? `Local worker ${workerIndex} was lost by the run, had not ended ${LOST_GRACE_MS / 1000} s later and was killed`
      : `Local worker ${workerIndex} ended early with ${how}${why}`;
    const facts = { workerIndex, code, signal, lastLine };
    if (code === 0 || this.#isLeaving) {
      return { ...facts, restartMs: undefined, message: happened };
    }
    const numShortLives = this.#numShortLives;
    const life = { lifeMs, code, signal, lastLine, numShortLives };
    const decision = restartDecision(life, this.#options.maxRestarts);
    if (decision.type === "give-up") {
      const message = `${happened} (not started again: ${decision.why})`;
      return { ...facts, restartMs: undefined, message };
    }
    this.#numShortLives = decision.numShortLives;
    const { delayMs: restartMs } = decision;
    const message = `${happened} (started again in ${restartMs / 1000} s)`;
    return { ...facts, restartMs, message };
  }

  /** Waits; gives whether the next process is still wanted then. */
  #restartAfter(delayMs: number): Promise<boolean> {
    if (this.#isLeaving) return Promise.resolve(false);
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(delayMs, () => resolve(true));
      this.#cancelRestart = () => {
        cancel();
        resolve(false);
      };
    });
  }
}
