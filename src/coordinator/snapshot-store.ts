import { defined } from "../base/assert.ts";
import { digestWithPauses } from "../base/digest.ts";
import { TrainerError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { listCheckpoints } from "../checkpoint/checkpoint-folders.ts";
import { type Checkpoint, loadCheckpoint } from "../checkpoint/load-checkpoint.ts";
import { pruneCheckpoints } from "../checkpoint/prune-checkpoints.ts";
import { saveCheckpoint } from "../checkpoint/save-checkpoint.ts";
import type { Configuration } from "../configuration/configuration.ts";
import type { DigestReport, TensorShape } from "../protocol/messages.ts";
import { StateAssembly, type StateVectors } from "../protocol/state-frames.ts";
import type { TensorFrame } from "../protocol/tensor-frame.ts";
import { findStart } from "./find-start.ts";
import type { RunEvent } from "./run-events.ts";

/** Checkpoints kept besides the best one. */
const KEEP_LAST = 3;

/** What a checkpoint holds besides the snapshot. */
export interface CheckpointExtras {
  readonly configuration: Configuration;
  readonly tokenizer: unknown;
  readonly state: Readonly<Record<string, unknown>>;
}

/** What the checkpoint before a damaged one is looked for with. */
export interface FindOptions {
  readonly configuration: Configuration;
  readonly log: Log;
  readonly damage: TrainerError;
}

/** The state as the coordinator has it: the newest snapshot in memory, and checkpoints on disk. */
export class SnapshotStore {
  readonly #runFolder: string;
  #layout: readonly TensorShape[] | undefined;
  #vectors: StateVectors | undefined;
  #assembly: { readonly donorId: number; readonly state: StateAssembly } | undefined;
  /** How many are being sent each of these states. */
  readonly #lent = new Map<StateVectors, number>();
  #loaded: { readonly step: number; readonly state: Promise<StateVectors> } | undefined;

  constructor(runFolder: string) {
    this.#runFolder = runFolder;
  }

  /** The order of the parameters, from the first worker that is prepared. */
  setLayout(layout: readonly TensorShape[]): void {
    this.#layout = layout;
  }

  get numParams(): number {
    return placesOf(defined(this.#layout, "the layout")).numParams;
  }

  /** From now on takes the frames of this donor, into the one snapshot that is kept. */
  collect(donorId: number, step: number): void {
    const { numParams } = this;
    const zeros = () => new Float32Array(numParams);
    // What is on its way to a joiner must not change: then the next one has vectors of its own.
    if (this.#vectors === undefined || this.#lent.has(this.#vectors)) {
      this.#vectors = [zeros(), zeros(), zeros()];
    }
    this.#assembly = { donorId, state: new StateAssembly(step, this.#vectors) };
    this.#loaded = undefined;
  }

  /** @throws {TrainerError} ERR_PROTOCOL when it is not the frame that comes next. */
  take(workerId: number, frame: TensorFrame): void {
    if (this.#assembly?.donorId === workerId) this.#assembly.state.take(frame);
  }

  /**
   * Whether this report ends the snapshot that is being collected, and has not been given up meanwhile
   * for another. Others are let in between: a digest of a gigabyte takes longer than links may be silent.
   *
   * @throws {TrainerError} ERR_PROTOCOL when the snapshot has another digest than the donor says.
   */
  async isEndedBy(workerId: number, { step, digest }: DigestReport): Promise<boolean> {
    const assembly = this.#assembly;
    const { donorId, state } = assembly ?? {};
    if (donorId !== workerId || state?.step !== step || !state.isComplete) return false;
    let actual: string | undefined;
    await this.#lend(defined(this.#vectors, "the snapshot"), async ([parameters]) => {
      actual = await digestWithPauses(parameters);
    });
    if (this.#assembly !== assembly) return false;
    if (actual === digest) return true;
    throw new TrainerError(
      "ERR_PROTOCOL",
      `The snapshot of step ${step} has the digest ${actual}, but its donor says ${digest}.`,
    );
  }

  /**
   * Lets `use` have the state after `step` updates, unchanged until it ends.
   *
   * @throws {TrainerError} those of checkpoints.
   */
  async lend(step: number, use: (state: StateVectors) => Promise<void>): Promise<void> {
    await this.#lend(await this.#stateAt(step), use);
  }

  async #lend(state: StateVectors, use: (state: StateVectors) => Promise<void>): Promise<void> {
    this.#lent.set(state, (this.#lent.get(state) ?? 0) + 1);
    try {
      await use(state);
    } finally {
      const numOthers = (this.#lent.get(state) ?? 1) - 1;
      if (numOthers > 0) this.#lent.set(state, numOthers);
      else this.#lent.delete(state);
    }
  }

  /** From memory or disk. */
  #stateAt(step: number): Promise<StateVectors> {
    const { state } = this.#assembly ?? {};
    if (state?.step === step && state.isComplete) {
      return Promise.resolve(defined(this.#vectors, "the snapshot"));
    }
    if (this.#loaded?.step !== step) this.#loaded = { step, state: this.#load(step) };
    return this.#loaded.state;
  }

  /**
   * Where a run can go on whose checkpoint of `step` has turned out to be damaged.
   *
   * @throws {TrainerError} `damage` when there is no whole one before; ERR_CHECKPOINT_MISSING,
   *   ERR_CONFIG_VALUE.
   */
  async findBefore(
    step: number,
    { configuration, log, damage }: FindOptions,
  ): Promise<Extract<RunEvent, { readonly type: "checkpoint-damaged" }>> {
    const { code, message } = damage;
    const { start, damaged } = await findStart(this.#runFolder, {
      configuration,
      log,
      below: step,
    });
    // A run does not begin anew by itself, when all that it has done can perhaps be repaired.
    if (start.step === 0) throw damage;
    return {
      type: "checkpoint-damaged",
      damaged: [{ step, code, message }, ...damaged],
      start,
    };
  }

  /** Forgets what was read from disk: training has begun. */
  forgetLoaded(): void {
    this.#loaded = undefined;
  }

  /**
   * Writes the collected snapshot, lent as to a joiner: a save that takes long must not see the next one.
   *
   * @param begin is waited for before.
   * @throws {TrainerError} ERR_WRITE.
   */
  async save(step: number, extras: CheckpointExtras, begin: () => Promise<void>): Promise<void> {
    const { configuration, tokenizer, state } = extras;
    const { layout } = placesOf(defined(this.#layout, "the layout"));
    await this.lend(step, async ([parameters, firstMoments, secondMoments]) => {
      await begin();
      await saveCheckpoint(this.#runFolder, {
        ...{ step, configuration, layout, parameters, firstMoments, secondMoments },
        ...{ tokenizer, state },
      });
    });
  }

  /** Deletes old checkpoints, but for the best. @throws {TrainerError} ERR_WRITE. */
  async prune(): Promise<void> {
    await pruneCheckpoints(this.#runFolder, { keepLast: KEEP_LAST });
  }

  async #load(step: number): Promise<StateVectors> {
    const checkpoints = await listCheckpoints(this.#runFolder);
    const found = checkpoints.find((one) => one.step === step);
    const { folder } = defined(found, `the checkpoint of step ${step}`);
    return stateOf(await loadCheckpoint(folder, { withOptimizer: true }));
  }
}

function stateOf({ parameters, moments }: Checkpoint): StateVectors {
  const { firstMoments, secondMoments } = defined(moments, "the moments");
  return [parameters, firstMoments, secondMoments];
}

function placesOf(shapes: readonly TensorShape[]) {
  let numParams = 0;
  const layout = shapes.map(({ name, shape }) => {
    const length = shape.reduce((product, size) => product * size, 1);
    const offset = numParams;
    numParams += length;
    return { name, shape, offset, length };
  });
  return { layout, numParams };
}
