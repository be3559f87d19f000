import { join } from "node:path";
import type { Log } from "../base/log.ts";
import { checkpointName, checkpointsFolder } from "../checkpoint/checkpoint-folders.ts";
import type { Configuration } from "../configuration/configuration.ts";
import { learningRateAt } from "../optimizer/learning-rate.ts";
import { LineFile } from "./line-file.ts";
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
  #numWorkers = 0;
  #workerRestarts: number;

  private constructor(options: JournalOptions) {
    const { runFolder, log, former } = options;
    this.#options = options;
    this.restarts = former.numStarts;
    this.#workerRestarts = former.numWorkerRestarts;
    this.#metrics = new LineFile(join(runFolder, RUN_FILES.metrics), log);
    this.#events = new LineFile(join(runFolder, RUN_FILES.events), log);
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
    journal.#metrics.cut(() => true);
    journal.#events.cut(() => true);
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
    this.#metrics.append(row);
    this.#options.observer?.onMetrics(row);
  }

  /** Appends an event, with its time. */
  record(line: RunRecord): void {
    if (line.type === "worker-restart") this.#workerRestarts++;
    this.#events.append({ time: new Date().toISOString(), ...line });
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
    this.#metrics.cut((row) => {
      const lastStep = "validationLoss" in row ? evaluatedStep : step;
      return typeof row.step === "number" && row.step <= lastStep;
    });
  }

  /** Waits until the disk has all that was written so far. */
  async sync(): Promise<void> {
    await Promise.all([this.#metrics.sync(), this.#events.sync()]);
  }

  /** Closes both files once the disk has all of them. */
  async close(): Promise<void> {
    await Promise.all([this.#metrics.close(), this.#events.close()]);
  }
}
