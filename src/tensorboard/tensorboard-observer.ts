import { join } from "node:path";
import { TrainerError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { MODEL_FILE } from "../checkpoint/checkpoint-files.ts";
import { openSafetensors } from "../checkpoint/safetensors-file.ts";
import { EventFile, type EventFileOptions } from "./event-file.ts";
import { type Histogram, histogramOf } from "./histogram.ts";

/** A row of metrics.jsonl: a step's facts, or a validation loss. */
export type MetricsRow = Readonly<Record<string, unknown>>;

/** The fields of a row that become curves, with their names in TensorBoard. */
const TAGS: Readonly<Record<string, string>> = {
  loss: "loss/train",
  validationLoss: "loss/validation",
  learningRate: "step/learning rate",
  gradientNorm: "step/gradient norm",
  stepMs: "step/milliseconds",
  tokensPerSecond: "step/tokens per second",
  workers: "step/workers",
};

/**
 * Tells TensorBoard of a run: the rows of metrics.jsonl as curves, the parameters of each checkpoint as
 * histograms. Each start of the run has a file of its own.
 */
export class TensorboardObserver {
  readonly #log: Log;
  readonly #file: EventFile;
  #lastStep: number | undefined;
  #reading: Promise<void> = Promise.resolve();

  constructor(options: EventFileOptions) {
    this.#log = options.log;
    this.#file = new EventFile(options);
  }

  /** Takes a row as it is written. Rows of a step that was there before replace what was said of it. */
  onMetrics(row: MetricsRow): void {
    const step = Number(row.step);
    const isEvaluation = "validationLoss" in row;
    if (this.#lastStep === undefined || step < this.#lastStep) {
      // A validation row comes after its step's own row, which stays.
      this.#file.append({ type: "restart", step: isEvaluation ? step + 1 : step });
    }
    this.#lastStep = step;
    const values = Object.entries(TAGS).flatMap(([field, tag]) => {
      const value = row[field];
      return typeof value === "number" ? [[tag, value] as const] : [];
    });
    this.#file.append({ type: "scalars", step, values: Object.fromEntries(values) });
  }

  /** Reads a checkpoint that was written just now, in the background. */
  onCheckpoint(step: number, folder: string): void {
    this.#reading = this.#reading.then(async () => {
      try {
        const values = await readHistograms(join(folder, MODEL_FILE));
        this.#file.append({ type: "histograms", step, values });
      } catch (error) {
        if (!(error instanceof TrainerError)) throw error;
        this.#log.warn(`TensorBoard gets no histograms of step ${step}: ${error.message}`);
      }
    });
  }

  /** Waits until all is written. */
  async close(): Promise<void> {
    await this.#reading;
  }
}

/** A histogram of each tensor; tensor by tensor, so that the event loop turns between them. */
async function readHistograms(path: string): Promise<Readonly<Record<string, Histogram>>> {
  const histograms: Record<string, Histogram> = {};
  await using file = await openSafetensors(path);
  for (const tensor of file.tensors) {
    const values = new Float32Array((tensor.end - tensor.begin) / 4);
    await file.read(tensor, values);
    histograms[`parameters/${tensor.name}`] = histogramOf(values);
  }
  return histograms;
}
