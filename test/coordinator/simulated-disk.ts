import { defined } from "../../src/base/assert.ts";
import type { Random } from "../../src/base/random.ts";
import { type FormerRun, formerRunOf } from "../../src/coordinator/read-former-run.ts";
import type {
  CheckpointFacts,
  EvaluationFacts,
  RunRecord,
  StepFacts,
} from "../../src/coordinator/run-effects.ts";
import { FRESH_START, type RunStart } from "../../src/coordinator/run-state.ts";
import { SEED_PARAMETERS } from "./simulated-worker.ts";

/** The run folder: what a coordinator that is started again finds. */
export class SimulatedDisk {
  readonly metrics: (StepFacts | EvaluationFacts)[] = [];
  /** Lines of events.jsonl. */
  readonly records: RunRecord[] = [];
  /** Parameters by step. */
  readonly checkpoints = new Map([[0, SEED_PARAMETERS]]);
  /** What checkpoints know, whether they have become whole or not. */
  readonly facts = new Map<number, CheckpointFacts>();
  /** Lines that a power cut leaves. */
  #synced = { metrics: 0, records: 0 };

  /** Lines wait in the coordinator's memory, which a crash takes. */
  isFull: boolean = false;

  sync(): void {
    if (this.isFull) return;
    this.#synced = { metrics: this.metrics.length, records: this.records.length };
  }

  /** Cuts off the rows after these steps. */
  rewind({ step, evaluatedStep }: Pick<RunStart, "step" | "evaluatedStep">): void {
    const kept = this.metrics.filter((row) => row.step <= ("loss" in row ? step : evaluatedStep));
    this.metrics.splice(0, this.metrics.length, ...kept);
    this.#synced.metrics = Math.min(this.#synced.metrics, kept.length);
    this.sync();
  }

  /** The coordinator is gone, with what it could not write. */
  loseWaiting(): void {
    if (!this.isFull) return;
    this.metrics.length = this.#synced.metrics;
    this.records.length = this.#synced.records;
  }

  /** Some of what was not synced is gone. */
  losePower(random: Random): void {
    const some = (synced: number, length: number) =>
      synced + Math.floor(random.uniform() * (length - synced + 1));
    this.metrics.length = some(this.#synced.metrics, this.metrics.length);
    this.records.length = some(this.#synced.records, this.records.length);
  }

  /** Reads what a killed coordinator left, as the next one does, and notes its start. */
  recover(): {
    readonly start: RunStart;
    readonly heritage: { readonly generation: number; readonly journal: FormerRun | undefined };
  } {
    const former = formerRunOf(
      this.metrics.map((row) => ({ ...row })),
      this.records,
    );
    const { generation, missing, hasEnded } = former;
    this.records.push(...missing, { type: "start", step: former.step });
    const step = Math.max(...this.checkpoints.keys());
    const start = this.startAt(step);
    if (hasEnded) {
      this.rewind(start);
      if (former.step > step) this.records.push({ type: "rewind", step, from: former.step });
    }
    return { start, heritage: { generation, journal: hasEnded ? undefined : former } };
  }

  /** What a checkpoint knows. */
  startAt(step: number): RunStart {
    if (step === 0) return FRESH_START;
    const digest = String(this.checkpoints.get(step));
    return { ...defined(this.facts.get(step), "what a checkpoint knows"), step, digest };
  }
}
