import { join } from "node:path";
import type { Log } from "../base/log.ts";
import type { Configuration } from "../configuration/configuration.ts";
import { learningRateAt } from "../optimizer/learning-rate.ts";
import { LineFile, readLines } from "./line-file.ts";
import type { CheckpointFacts, EvaluationFacts, RunRecord, StepFacts } from "./run-effects.ts";
import { RUN_FILES } from "./run-folder.ts";
import type { RunStart } from "./run-state.ts";

/** What a journal is opened with. */
export interface JournalOptions {
  readonly runFolder: string;
  readonly configuration: Configuration;
  readonly start: RunStart;
  /** Time of the former starts up to the checkpoint taken, in ms. */
  readonly formerWallMs: number;
  /** Of this start, in ms since it began. */
  elapsedMs(): number;
  readonly log: Log;
}

/** A run's metrics.jsonl and events.jsonl. */
export class RunJournal {
  readonly restarts: number;
  readonly #options: JournalOptions;
  readonly #metrics: LineFile;
  readonly #events: LineFile;
  #numWorkers = 0;

  private constructor(options: JournalOptions, restarts: number) {
    const { runFolder, log } = options;
    this.#options = options;
    this.restarts = restarts;
    this.#metrics = new LineFile(join(runFolder, RUN_FILES.metrics), log);
    this.#events = new LineFile(join(runFolder, RUN_FILES.events), log);
  }

  /**
   * Opens the files and forgets metrics after the step at which the run starts.
   *
   * @throws {TrainerError} ERR_WRITE.
   */
  static async open(options: JournalOptions): Promise<RunJournal> {
    const events = readLines(join(options.runFolder, RUN_FILES.events));
    const restarts = events.filter(({ type }) => type === "start").length;
    const journal = new RunJournal(options, restarts);
    const { step, evaluatedStep } = options.start;
    await journal.#forgetAfter(step, evaluatedStep);
    // A crash may have left half a line, to which the next would be glued.
    await journal.#events.filter(() => true);
    journal.record({ type: "start", step, restarts });
    return journal;
  }

  /** Workers of the newest step. */
  get numWorkers(): number {
    return this.#numWorkers;
  }

  /** Time of all starts up to now, in ms. */
  get wallMs(): number {
    return Math.round(this.#options.formerWallMs + this.#options.elapsedMs());
  }

  /** Appends a row of metrics. */
  metrics(row: StepFacts | EvaluationFacts): void {
    if (!("loss" in row)) {
      this.#metrics.append(row);
      return;
    }
    this.#numWorkers = row.workers;
    const { step, loss, ...rest } = row;
    // The row's step counts this update too; the schedule counts those before.
    const learningRate = learningRateAt(step - 1, this.#options.configuration);
    this.#metrics.append({ step, loss, learningRate, ...rest });
  }

  /** Appends an event, with its time. */
  record(line: RunRecord): void {
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

  /** The run goes back to a checkpoint. */
  rewind(step: number): Promise<void> {
    return this.#forgetAfter(step, step);
  }

  close(): void {
    this.#metrics.close();
    this.#events.close();
  }

  #forgetAfter(step: number, evaluatedStep: number): Promise<void> {
    return this.#metrics.filter((row) => {
      const lastStep = "validationLoss" in row ? evaluatedStep : step;
      return typeof row.step === "number" && row.step <= lastStep;
    });
  }
}
