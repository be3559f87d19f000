import { defined } from "../base/assert.ts";
import { digestOf } from "../base/digest.ts";
import { noProfiler, type Profiler } from "../base/profiler.ts";
import type { TensorPlace } from "../base/tensor-place.ts";
import { LeafFold, type Partial } from "../collective/leaf-fold.ts";
import { type Configuration, leavesPerStep, modelOf } from "../configuration/configuration.ts";
import type { Engine } from "../engine/engine.ts";
import { initialParameters } from "../model/initial-parameters.ts";
import { applyUpdate, gradientNormOf } from "../optimizer/apply-update.ts";
import type { Evaluate, LeafRange } from "../protocol/messages.ts";
import { copyUnread, stateIn } from "./leaving-snapshot.ts";
import type { ProbedStep } from "./step-probe.ts";
import { leafBlock, tokensOf } from "./token-blocks.ts";
import type { TrainingMemory } from "./training-memory.ts";

/** What is trained, with what and where. */
export interface TrainerOptions {
  readonly configuration: Configuration;
  readonly layout: readonly TensorPlace[];
  readonly engine: Engine;
  readonly memory: TrainingMemory;
  /** Told what the parts of a step take. */
  readonly profiler?: Profiler;
  /** Shown every update, to look and not to touch. */
  readonly probe?: (probed: ProbedStep) => void;
}

/** What all members must find the same in a step. */
export interface StepSums {
  readonly lossSum: number;
  /** L2 norm of the mean gradient before the clip. */
  readonly gradientNorm: number;
}

/** Whether a step's sums can be used for an update. */
export function areFinite({ lossSum, gradientNorm }: StepSums): boolean {
  return Number.isFinite(lossSum) && Number.isFinite(gradientNorm);
}

/** Copies of sums that are kept between steps while somebody catches up: new memory is slow to fill. */
const SUM_BUFFERS_MAX = 2;

/** The arithmetic of a worker's part in a run: leaves, updates, evaluation, copies. */
export class Trainer {
  readonly #options: TrainerOptions;
  readonly #numTokens: number;
  readonly #profiler: Profiler;
  #sums: StepSums = { lossSum: 0, gradientNorm: 0 };
  /** Whether the engine has computed a leaf. */
  #hasComputed: boolean = false;
  #snapshot: SharedArrayBuffer | undefined;
  /** How far the newest snapshot was read. */
  #numRead: Int32Array | undefined;
  /** A gradient that takes part in nothing; made when the first audit comes. */
  #audited: Float32Array | undefined;
  /** Buffers for copies of sums that are not on their way. */
  #sumBuffers: SharedArrayBuffer[] = [];

  constructor(options: TrainerOptions) {
    const { batchSize, contextLength } = options.configuration;
    this.#options = options;
    this.#profiler = options.profiler ?? noProfiler;
    this.#numTokens = batchSize * contextLength;
  }

  /** Sets parameters and moments to those of step 0, made from the seed. */
  initialise(): void {
    const { configuration, memory } = this.#options;
    // In place: a vector in between would be one more at the peak of this process's memory.
    initialParameters(modelOf(configuration), configuration.seed, memory.parameters);
    memory.firstMoments.fill(0);
    memory.secondMoments.fill(0);
  }

  /** Hands the parameters in memory to the engine. */
  putParameters(): void {
    const startMs = this.#profiler.now();
    this.#options.engine.putParameters(this.#options.memory.parameters);
    this.#profiler.end("put parameters", startMs);
  }

  digest(): string {
    const startMs = this.#profiler.now();
    const digest = digestOf(this.#options.memory.parameters);
    this.#profiler.end("digest", startMs);
    return digest;
  }

  /**
   * Compiles the graph of a leaf. A CPU's first use of it may fall into the first step, in which all who
   * begin a run have theirs; on a GPU it compiles for itself, which can take minutes on a new kind, so that
   * it is used once here.
   *
   * @param isUnderWay whether others train already, who would wait for a first use.
   */
  async prepare(isUnderWay: boolean): Promise<void> {
    const { engine, configuration } = this.#options;
    const { microBatchSize: numSequences, contextLength: length } = configuration;
    await engine.prepare({ numSequences, length });
    if (isUnderWay || engine.description.device !== "cpu") await this.warmUp();
  }

  /**
   * Computes one leaf for nothing, unless a leaf has been computed: what an engine does at its first must not
   * fall into a step that others wait for. State may be on its way into the vectors meanwhile.
   */
  async warmUp(): Promise<void> {
    if (this.#hasComputed) return;
    const { configuration, memory } = this.#options;
    const { microBatchSize, contextLength } = configuration;
    const tokens = new Uint8Array(4 * microBatchSize * (contextLength + 1));
    this.putParameters();
    await this.leaf(tokens, 0, defined(memory.foldBuffers[0], "a buffer for a leaf"));
  }

  /**
   * Begins to fold the gradients of some leaves; the former fold's buffers are taken.
   *
   * @param kept what is kept of the former fold, when that was of the same step.
   */
  beginFold(range: LeafRange, kept: readonly Partial[] = []): LeafFold {
    const { configuration, memory } = this.#options;
    const { foldBuffers: buffers, kernels } = memory;
    return new LeafFold({ range, numLeaves: leavesPerStep(configuration), buffers, kernels, kept });
  }

  /**
   * Computes a leaf's gradient sum and loss sum.
   *
   * @param tokens of all leaves of this worker, as in `assign`.
   * @param leafIndex counted from this worker's first leaf.
   * @param vector f32[numParams + 1], overwritten: the gradient, then the loss.
   */
  async leaf(tokens: Uint8Array, leafIndex: number, vector: Float32Array): Promise<void> {
    const { configuration, engine, memory } = this.#options;
    const { numParams } = memory.map;
    const block = leafBlock(tokens, leafIndex, configuration);
    vector[numParams] = await engine.gradient(block, vector.subarray(0, numParams));
    this.#hasComputed = true;
  }

  /**
   * Computes a leaf that is none of this worker's: the buffers of its own hold partials on their way.
   *
   * @returns f32[numParams + 1], the same vector each time.
   */
  async auditLeaf(tokens: Uint8Array, leafIndex: number): Promise<Float32Array> {
    this.#audited ??= new Float32Array(this.#options.memory.map.numParams + 1);
    await this.leaf(tokens, leafIndex, this.#audited);
    return this.#audited;
  }

  /** Whether a leaf's loss and gradient are finite; computes it again, over the fold's buffers. */
  async isLeafFinite(tokens: Uint8Array, leafIndex: number): Promise<boolean> {
    const { memory } = this.#options;
    const { numParams } = memory.map;
    const vector = defined(memory.foldBuffers[0], "a buffer");
    await this.leaf(tokens, leafIndex, vector);
    const gradient = vector.subarray(0, numParams);
    // In f64: no finite f32 gradient of this length overflows it.
    return (
      Number.isFinite(vector[numParams]) && Number.isFinite(memory.kernels.sumOfSquares(gradient))
    );
  }

  /** What the exchanged sum says. */
  sums(): StepSums {
    const { kernels, sum, map } = this.#options.memory;
    const lossSum = defined(sum[map.numParams], "the loss sum");
    const startMs = this.#profiler.now();
    const gradientNorm = gradientNormOf(kernels, this.#gradientSum(), this.#numTokens);
    this.#profiler.end("norm", startMs);
    this.#sums = { lossSum, gradientNorm };
    return this.#sums;
  }

  /** Ends `step` with the sum that `sums` has looked at. */
  update(step: number): void {
    const { configuration, layout, memory } = this.#options;
    const { kernels, parameters, firstMoments, secondMoments } = memory;
    const startMs = this.#profiler.now();
    applyUpdate({
      ...{ kernels, layout, parameters, firstMoments, secondMoments, step },
      gradientSum: this.#gradientSum(),
      numTokens: this.#numTokens,
      gradientNorm: this.#sums.gradientNorm,
      training: configuration,
    });
    this.#profiler.end("optimizer", startMs);
    this.#options.probe?.({
      ...{ step: step + 1, numTokens: this.#numTokens, parameters },
      gradientSum: this.#gradientSum(),
    });
    this.putParameters();
  }

  /** The loss sum of a validation batch. */
  async evaluate({ numSequences, length, tokens }: Evaluate): Promise<number> {
    const startMs = this.#profiler.now();
    const block = { numSequences, length, tokens: tokensOf(tokens) };
    const lossSum = await this.#options.engine.loss(block);
    this.#profiler.end("evaluation", startMs);
    return lossSum;
  }

  /** Lets a `LeavingSnapshot` read the state from now on. @returns where it says how far it is. */
  letStateBeRead(): Int32Array {
    this.#numRead = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    return this.#numRead;
  }

  /** Puts aside what has not been read of the state: in f32[3 · numParams], the same one each time. */
  copyUnread(): SharedArrayBuffer {
    const { parameters, firstMoments, secondMoments, map } = this.#options.memory;
    const startMs = this.#profiler.now();
    const numBytes = 3 * map.numParams * Float32Array.BYTES_PER_ELEMENT;
    this.#snapshot ??= new SharedArrayBuffer(numBytes);
    const numRead = defined(this.#numRead, "a snapshot on its way");
    copyUnread([parameters, firstMoments, secondMoments], stateIn(this.#snapshot), numRead);
    this.#profiler.end("snapshot", startMs);
    return this.#snapshot;
  }

  /** Copies the exchanged sum, f32[numParams + 1]: hand the buffer back with `takeBack`. */
  copySum(): SharedArrayBuffer {
    const { sum } = this.#options.memory;
    const buffer = this.#sumBuffers.pop() ?? new SharedArrayBuffer(sum.byteLength);
    new Float32Array(buffer).set(sum);
    return buffer;
  }

  /** A copy of a sum has left. Most have left when the next but one is made. */
  takeBack(buffer: SharedArrayBuffer): void {
    if (this.#sumBuffers.length < SUM_BUFFERS_MAX) this.#sumBuffers.push(buffer);
  }

  /** Nobody catches up any more. */
  forgetCopies(): void {
    this.#sumBuffers = [];
  }

  #gradientSum(): Float32Array {
    const { sum, map } = this.#options.memory;
    return sum.subarray(0, map.numParams);
  }
}
