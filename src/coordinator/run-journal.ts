import { join } from "node:path";
import type { Log } from "../base/log.ts";
import { checkpointName, checkpointsFolder } from "../checkpoint/checkpoint-folders.ts";
import type { Configuration } from "../configuration/configuration.ts";
import { learningRateAt } from "../optimizer/learning-rate.ts";
import type { DamagedCheckpoint } from "./find-start.ts";
import { JournalGap } from "./journal-gap.ts";
import { LineFile, type LineFileLayer } from "./line-file.ts";
import { LineQueue } from "./line-queue.ts";
import type { FormerRun } from "./read-former-run.ts";
import type { CheckpointFacts, EvaluationFacts, RunRecord, StepFacts } from "./run-effects.ts";
import { RUN_FILES } from "./run-folder.ts";
import type { RunObserver } from "./run-observer.ts";

/** What a journal is opened with. */
export interface JournalOptions {
  readonly runFolder: string;
  readonly configuration: Configuration;
  /** What the files say of the starts before. */
  readonly former: FormerRun;
  /** Time of the former starts up to the checkpoint taken, in ms. */
  readonly formerWallMs: number;
  /** Of this start, in ms since it began. */
  elapsedMs(): number;
  readonly log: Log;
  readonly observer?: RunObserver;
  /** What the files are written through; default: the system. */
  readonly layer?: LineFileLayer;
  /** What may wait in memory for a full disk; default: `WAITING_BYTES_MAX`. */
  readonly waitingBytesMax?: number;
}

/**
 * A run's metrics.jsonl and events.jsonl: its journal. What they say is written before it is done, and
 * synced to the disk a few times a second, and before each checkpoint (see decision 30).
 */
export class RunJournal {
  readonly restarts: number;
  readonly #options: JournalOptions;
  readonly #metrics: LineFile;
  readonly #events: LineFile;
  readonly #lines: LineQueue;
  readonly #gap: JournalGap;
  #numWorkers = 0;
  #workerRestarts: number;

  private constructor(options: JournalOptions) {
    const { runFolder, log, former, layer } = options;
    this.#options = options;
    this.restarts = former.numStarts;
    this.#workerRestarts = former.numWorkerRestarts;
    this.#metrics = new LineFile(join(runFolder, RUN_FILES.metrics), log, layer);
    this.#events = new LineFile(join(runFolder, RUN_FILES.events), log, layer);
    this.#lines = new LineQueue(log, options.waitingBytesMax);
    this.#gap = new JournalGap(former.step);
  }

  /**
   * Opens the files, cuts off half lines that a crash has left, and writes the lines that it has
   * left unsaid.
   *
   * @throws {TrainerError} ERR_WRITE.
   */
  static open(options: JournalOptions): RunJournal {
    const journal = new RunJournal(options);
    const { missing, numStarts } = options.former;
    for (const file of [journal.#metrics, journal.#events]) journal.#lines.cut(file, () => true);
    for (const line of missing) journal.record(line);
    journal.record({ type: "start", step: options.former.step, restarts: numStarts });
    return journal;
  }

  /** Workers of the newest step. */
  get numWorkers(): number {
    return this.#numWorkers;
  }

  /** Local workers started again, in all starts of the run. */
  get workerRestarts(): number {
    return this.#workerRestarts;
  }

  /** Time of all starts up to now, in ms. */
  get wallMs(): number {
    return Math.round(this.#options.formerWallMs + this.#options.elapsedMs());
  }

  /** Appends a row of metrics. */
  metrics(row: StepFacts | EvaluationFacts): void {
    if (!("loss" in row)) {
      this.#addMetrics({ ...row });
      return;
    }
    this.#numWorkers = row.workers;
    const { step, loss, ...rest } = row;
    // The row's step counts this update too; the schedule counts those before.
    const learningRate = learningRateAt(step - 1, this.#options.configuration);
    this.#addMetrics({ step, loss, learningRate, ...rest });
  }

  /** Tells the observer, if there is one, that a checkpoint is whole. */
  saved(step: number): void {
    const { observer, runFolder } = this.#options;
    observer?.onCheckpoint(step, join(checkpointsFolder(runFolder), checkpointName(step)));
  }

  #addMetrics(row: Readonly<Record<string, unknown>>): void {
    this.#append(this.#metrics, row);
    this.#options.observer?.onMetrics(row);
  }

  /** Appends an event, with its time. */
  record(line: RunRecord): void {
    if (line.type === "worker-restart") this.#workerRestarts++;
    this.#append(this.#events, timed(line));
  }

  /** A line that there is no room for takes all later ones along, until none waits: one gap, not many. */
  #append(file: LineFile, line: Readonly<Record<string, unknown>>): void {
    this.#flush();
    const isKept = !this.#gap.isOpen && this.#lines.append(file, line);
    if (isKept) this.#gap.keep(line);
    else if (this.#gap.drop(line)) this.#options.log.warn(DROPPED);
  }

  /** Writes what waits for the disk, and what became of the lines that could not wait any more. */
  #flush(): void {
    if (!this.#lines.flush() || !this.#gap.isOpen) return;
    for (const line of this.#gap.close()) this.#lines.append(this.#events, timed(line));
  }

  /** What a checkpoint's state.json keeps. `validationLoss` is that of this very step. */
  checkpointState(facts: CheckpointFacts): Readonly<Record<string, unknown>> {
    const { step, trainLoss, validationLoss, evaluatedStep } = facts;
    return {
      trainLoss: trainLoss ?? null,
      ...(evaluatedStep === step ? { validationLoss } : {}),
      lastValidationLoss: validationLoss ?? null,
      evaluatedStep,
      wallMs: this.wallMs,
    };
  }

  /** Forgets metrics after `step`: the run goes on from there. @throws {TrainerError} ERR_WRITE. */
  rewind({ step, evaluatedStep }: { readonly step: number; readonly evaluatedStep: number }): void {
    this.#lines.cut(this.#metrics, (row) => {
      const lastStep = "validationLoss" in row ? evaluatedStep : step;
      return typeof row.step === "number" && row.step <= lastStep;
    });
  }

  /** Names newer checkpoints that a start has passed over. */
  passOver(damaged: readonly DamagedCheckpoint[]): void {
    for (const one of damaged) this.record({ type: "checkpoint-damaged", ...one });
  }

  /**
   * Goes on from a checkpoint: what the former starts did after it is done again, and must not count
   * twice; what they did before it may have been lost with their lines.
   *
   * @throws {TrainerError} ERR_WRITE.
   */
  resumeAt(start: { readonly step: number; readonly evaluatedStep: number }): void {
    this.rewind(start);
    const { step } = start;
    const from = this.#options.former.step;
    if (from > step) this.record({ type: "rewind", step, from });
    if (from < step) this.record({ type: "journal-gap", from, to: step });
  }

  /** Waits until the disk has all that was written so far, and what it has room for of what waits. */
  async sync(): Promise<void> {
    this.#flush();
    await Promise.all([this.#metrics.sync(), this.#events.sync()]);
  }

  /** Closes both files once the disk has all of them, but for what it has no room for. */
  async close(): Promise<void> {
    this.#flush();
    if (this.#lines.length > 0) {
      this.#options.log.warn(
        `${this.#lines.length} lines of metrics.jsonl and events.jsonl are lost: the disk has no room.`,
      );
    }
    await Promise.all([this.#metrics.close(), this.#events.close()]);
  }
}

function timed(line: RunRecord): Readonly<Record<string, unknown>> {
  return { time: new Date().toISOString(), ...line };
}

const DROPPED =
  "Too many lines of metrics.jsonl and events.jsonl wait for the disk: later ones are dropped until " +
  "there is room, which events.jsonl will name (journal-gap).";
