import { assert, assertNever, defined } from "../base/assert.ts";
import { digestOf } from "../base/digest.ts";
import { type ErrorCode, EXIT_CODES, TrainerError } from "../base/errors.ts";
import type { TensorPlace } from "../base/tensor-place.ts";
import { LeafFold } from "../collective/leaf-fold.ts";
import { type Configuration, leavesPerStep } from "../configuration/configuration.ts";
import type { Engine } from "../engine/engine.ts";
import { applyUpdate, gradientNormOf } from "../optimizer/apply-update.ts";
import type { Assign, Commit, Evaluate } from "../protocol/messages.ts";
import type { ToCommunication, ToCompute } from "./thread-messages.ts";
import { leafBlock, tokensOf } from "./token-blocks.ts";
import type { TrainingMemory } from "./training-memory.ts";
import {
  initialWorkState,
  leavesDone,
  nextTask,
  type Task,
  take,
  takeSum,
  taskDone,
} from "./work-state.ts";

/** What the compute thread works with. */
export interface ComputeMeans {
  readonly workerId: number;
  readonly configuration: Configuration;
  readonly layout: readonly TensorPlace[];
  readonly engine: Engine;
  readonly memory: TrainingMemory;
  /** To the communication thread. */
  tell(message: ToCommunication): void;
}

/** How a worker's part ended by the coordinator's word. */
export interface Ended {
  readonly reason: string;
}

/**
 * The thread that computes: one task after another, each as short as a leaf, and between any two the
 * event loop, so that a new generation or the end of the run is heard.
 */
export class ComputeThread {
  readonly #means: ComputeMeans;
  #state = initialWorkState(0);
  #fold: LeafFold | undefined;
  #snapshot: SharedArrayBuffer | undefined;
  #ended: Ended | undefined;
  #failure: unknown;
  #wake: () => void = () => undefined;
  #computeMs = 0;
  #computedAtMs = 0;

  constructor(means: ComputeMeans) {
    this.#means = means;
  }

  /** The parameters of `step` lie in memory: begins with them, and says so. */
  begin(step: number): void {
    const { engine, memory, layout } = this.#means;
    assert(this.#state.memberIndex === -1, "a member was given another state");
    this.#state = initialWorkState(step);
    engine.putParameters(memory.parameters);
    const { description } = engine;
    this.#say({
      ...{ type: "prepared", step, digest: digestOf(memory.parameters) },
      layout: layout.map(({ name, shape }) => ({ name, shape })),
      ...{ engine: description.engine, device: description.device },
      ...{ runtime: description.runtime, numThreads: description.numThreads },
    });
  }

  /** Hears the communication thread. What it says wrong ends `run`. */
  hear(message: ToCompute): void {
    try {
      this.#take(message);
    } catch (error) {
      this.#failure ??= error;
    }
    this.#wake();
  }

  /** Ends `run` with an error from outside. */
  fail(error: unknown): void {
    this.#failure ??= error;
    this.#wake();
  }

  /**
   * Works until the coordinator says that it is over.
   *
   * @throws {TrainerError} what the communication thread has failed with, or the engine.
   */
  async run(): Promise<Ended> {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended !== undefined) return this.#ended;
      const task = nextTask(this.#state);
      if (task === undefined) await this.#woken();
      else await this.#do(task);
    }
  }

  #take(message: ToCompute): void {
    switch (message.type) {
      case "work":
        assert(message.message.type !== "welcome", "a second welcome");
        this.#state = take(this.#state, message.message, this.#means.workerId);
        return;
      case "summed":
        this.#state = takeSum(this.#state, message);
        return;
      case "restored":
        this.begin(message.step);
        return;
      case "snapshot-sent":
        this.#state = { ...this.#state, isSnapshotLeaving: false };
        return;
      case "finished":
        this.#ended = { reason: message.reason };
        return;
      case "failed":
        throw errorOf(message);
      default:
        assertNever(message);
    }
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  async #do(task: Task): Promise<void> {
    const { generation } = this.#state;
    switch (task.type) {
      case "begin":
        this.#begin(task.assign);
        return;
      case "leaf":
        await this.#leaf(generation);
        return;
      case "report":
        this.#report();
        break;
      case "update":
        this.#update(task.commit);
        break;
      case "evaluate":
        await this.#evaluate(task.evaluate);
        break;
      case "snapshot":
        this.#takeSnapshot(task.step);
        break;
      default:
        assertNever(task);
    }
    this.#state = taskDone(this.#state, task);
  }

  #begin(assign: Assign): void {
    const { generation, step, ranges } = assign;
    const { memory, configuration } = this.#means;
    const range = defined(ranges[this.#state.memberIndex], "this member's leaves");
    const numLeaves = leavesPerStep(configuration);
    const { foldBuffers: buffers, kernels } = memory;
    this.#fold = new LeafFold({ range, numLeaves, buffers, kernels });
    this.#computeMs = 0;
    this.#means.tell({ type: "begin", generation, step, ranges });
    this.#state = taskDone(this.#state, { type: "begin", assign });
    // More workers than leaves: some only take part in the exchange.
    if (this.#fold.nextLeaf === undefined) this.#endLeaves();
  }

  async #leaf(generation: number): Promise<void> {
    const { step, assigned } = this.#state;
    const { engine, memory, configuration } = this.#means;
    const fold = defined(this.#fold, "the fold of this step");
    const leaf = defined(fold.nextLeaf, "the next leaf");
    const assign = defined(assigned.get(step), "the step's assignment");
    const range = defined(assign.ranges[this.#state.memberIndex], "this member's leaves");
    const startMs = performance.now();
    const buffer = fold.nextBuffer();
    const { numParams } = memory.map;
    const block = leafBlock(assign.tokens, leaf - range.lo, configuration);
    buffer[numParams] = await engine.gradient(block, buffer.subarray(0, numParams));
    this.#computeMs += performance.now() - startMs;
    // A new generation may have been heard meanwhile: the fold is void.
    if (generation !== this.#state.generation) return;
    const partial = fold.endLeaf();
    if (partial !== undefined) {
      const { node, vector } = partial;
      const { byteOffset } = vector;
      this.#means.tell({ type: "partial", generation, step, node, byteOffset });
    }
    if (fold.nextLeaf === undefined) this.#endLeaves();
  }

  #endLeaves(): void {
    const { generation, step } = this.#state;
    this.#computedAtMs = performance.now();
    this.#say({ type: "computed", generation, step });
    this.#state = leavesDone(this.#state);
  }

  #report(): void {
    const { memory, configuration } = this.#means;
    const { generation, step } = this.#state;
    const { kernels, sum, map } = memory;
    this.#say({
      ...{ type: "ready", generation, step },
      lossSum: defined(sum[map.numParams], "the loss sum"),
      gradientNorm: gradientNormOf(kernels, this.#gradientSum(), numTokensOf(configuration)),
      computeMs: this.#computeMs,
      exchangeMs: performance.now() - this.#computedAtMs,
    });
  }

  #update({ step, digest }: Commit): void {
    const { memory, configuration, layout, engine } = this.#means;
    const { kernels, parameters, firstMoments, secondMoments } = memory;
    const numTokens = numTokensOf(configuration);
    const gradientSum = this.#gradientSum();
    applyUpdate({
      ...{ kernels, layout, parameters, firstMoments, secondMoments, gradientSum },
      ...{ step, numTokens, training: configuration },
      gradientNorm: gradientNormOf(kernels, gradientSum, numTokens),
    });
    engine.putParameters(parameters);
    if (digest) this.#say({ type: "digest", step: step + 1, digest: digestOf(parameters) });
  }

  async #evaluate({ evaluationId, batchIndex, ...batch }: Evaluate): Promise<void> {
    const { numSequences, length, tokens } = batch;
    const block = { numSequences, length, tokens: tokensOf(tokens) };
    const lossSum = await this.#means.engine.loss(block);
    this.#say({ type: "evaluated", evaluationId, batchIndex, lossSum });
  }

  /** Copies the state aside: training goes on while the copy leaves. */
  #takeSnapshot(step: number): void {
    const { parameters, firstMoments, secondMoments, map } = this.#means.memory;
    const { numParams } = map;
    this.#snapshot ??= new SharedArrayBuffer(3 * numParams * Float32Array.BYTES_PER_ELEMENT);
    const copy = new Float32Array(this.#snapshot);
    [parameters, firstMoments, secondMoments].forEach((vector, i) => {
      copy.set(vector, i * numParams);
    });
    this.#means.tell({ type: "snapshot", step, buffer: this.#snapshot });
  }

  #gradientSum(): Float32Array {
    const { sum, map } = this.#means.memory;
    return sum.subarray(0, map.numParams);
  }

  #say(message: Extract<ToCommunication, { readonly type: "send" }>["message"]): void {
    this.#means.tell({ type: "send", message });
  }
}

function numTokensOf({ batchSize, contextLength }: Configuration): number {
  return batchSize * contextLength;
}

/** The error that the communication thread ended with; codes of the wire may be of another version. */
export function errorOf({ code, message }: { readonly code: string; readonly message: string }) {
  const isOurs = Object.hasOwn(EXIT_CODES, code);
  return isOurs
    ? new TrainerError(code as ErrorCode, message)
    : new TrainerError("ERR_REJECTED", `${code}: ${message}`);
}
