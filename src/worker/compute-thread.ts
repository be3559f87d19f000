import { assert, assertNever, defined } from "../base/assert.ts";
import { TrainerError } from "../base/errors.ts";
import { noProfiler, type Profiler, type SpanName } from "../base/profiler.ts";
import type { TensorPlace } from "../base/tensor-place.ts";
import type { EngineDescription } from "../engine/engine.ts";
import type { Assign, Commit, Welcome } from "../protocol/messages.ts";
import { errorOf } from "./error-of.ts";
import { StepWork } from "./step-work.ts";
import type { Stamped, ToCommunication, ToCompute, Told, WorkMessage } from "./thread-messages.ts";
import { areFinite, type Trainer } from "./trainer.ts";
import {
  type Attempt,
  initialWorkState,
  leavesDone,
  nextTask,
  orphaned,
  type Task,
  take,
  takeLetGo,
  takeReplay,
  takeSecured,
  takeSnapshotSent,
  takeSum,
  taskDone,
} from "./work-state.ts";

/** What the compute thread works with. */
export interface ComputeMeans {
  /** The first; another comes with each welcome after a loss of the coordinator. */
  readonly workerId: number;
  readonly layout: readonly TensorPlace[];
  readonly description: EngineDescription;
  /** Kind of this machine's processor. */
  readonly processor: string;
  readonly trainer: Trainer;
  /** To the communication thread. */
  tell(message: ToCommunication): void;
  /** Told what the parts of a step take. */
  readonly profiler?: Profiler;
}

/** How a worker's part ended by the coordinator's word. */
export interface Ended {
  readonly reason: string;
}

/**
 * The thread that computes: one task after another, each as short as a leaf, and between any two the
 * event loop, so that a new generation or the end of the run is heard.
 *
 * Long, since everything that it hears and everything that it does has its place in a switch here.
 */
export class ComputeThread {
  readonly #means: ComputeMeans;
  #state = initialWorkState(0);
  #workerId: number;
  /** Whether parameters and moments are those of a step, and not half of them. */
  #hasState: boolean = false;
  /** Whether there is time to use the engine for the first time. */
  #isWarmUpDue: boolean = false;
  #work: StepWork | undefined;
  #ended: Ended | undefined;
  #failure: unknown;
  #wake: () => void = () => undefined;
  readonly #profiler: Profiler;
  /** When the update before this step ended. */
  #stepStartMs = 0;
  /** When this thread began to wait for words; undefined while it works. */
  #waitStartMs: number | undefined;

  constructor(means: ComputeMeans) {
    this.#means = means;
    this.#workerId = means.workerId;
    this.#profiler = means.profiler ?? noProfiler;
  }

  /** The parameters of `step` lie in memory: begins with them, and says so. */
  begin(step: number): void {
    assert(this.#state.memberIndex === -1, "a member was given another state");
    this.#state = initialWorkState(step);
    this.#hasState = true;
    this.#means.trainer.putParameters();
    this.#sayPrepared();
  }

  /** Begins from the seed. */
  initialise(): void {
    this.#means.trainer.initialise();
    this.begin(0);
  }

  #sayPrepared(): void {
    const { trainer, layout, description, processor } = this.#means;
    const { step } = this.#state;
    const { engine, device, runtime, numThreads } = description;
    this.#say({
      ...{ type: "prepared", step, digest: trainer.digest() },
      layout: layout.map(({ name, shape }) => ({ name, shape })),
      ...{ engine, device, runtime, numThreads, processor },
    });
  }

  /** Hears the communication thread. What it says wrong ends `run`. */
  hear(message: Stamped<ToCompute>): void {
    const { toldMs } = message;
    if (toldMs !== undefined && this.#waitStartMs !== undefined) {
      this.#profiler.end("hand-off", Math.max(toldMs, this.#waitStartMs));
    }
    try {
      this.#take(message);
    } catch (error) {
      this.#failure ??= error;
    }
    this.#wake();
  }

  /** Ends `run` with an error from outside. */
  fail(error: unknown): void {
    // After the coordinator's last word the communication thread ends, and that is no failure.
    if (this.#ended === undefined) this.#failure ??= error;
    this.#wake();
  }

  /**
   * Works until the coordinator says that it is over.
   *
   * @throws {TrainerError} what the communication thread has failed with, or the engine.
   */
  async run(): Promise<Ended> {
    this.#stepStartMs = this.#profiler.now();
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended !== undefined) return this.#ended;
      if (this.#isWarmUpDue) {
        this.#isWarmUpDue = false;
        await this.#means.trainer.warmUp();
        continue;
      }
      const task = nextTask(this.#state);
      if (task === undefined) await this.#woken();
      else await this.#do(task);
    }
  }

  #take(message: ToCompute): void {
    switch (message.type) {
      case "work":
        this.#takeWork(message.message);
        return;
      case "summed":
        this.#state = takeSum(this.#state, message);
        return;
      case "restoring":
        // Who has begun from the seed joins others, and will be awaited in its first step with leaves. A
        // whole fleet that resumes has its first step together.
        this.#isWarmUpDue = this.#hasState;
        return;
      case "restored":
        this.begin(message.step);
        return;
      case "let-go":
        this.#state = takeLetGo(this.#state, message.generation);
        return;
      case "coordinator-lost":
        this.#state = orphaned(this.#state);
        return;
      case "snapshot-sent":
        this.#state = takeSnapshotSent(this.#state);
        return;
      case "snapshot-secured":
        this.#state = takeSecured(this.#state);
        return;
      case "replayed":
        this.#state = takeReplay(this.#state, message.step);
        return;
      case "sum-sent":
        this.#means.trainer.takeBack(message.buffer);
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

  #takeWork(message: WorkMessage): void {
    switch (message.type) {
      case "welcome":
        this.#onWelcomeBack(message);
        return;
      case "late-commit":
        this.#lateCommit(message.step);
        return;
      case "initialise":
        this.initialise();
        return;
      default:
        this.#state = take(this.#state, message, this.#workerId);
    }
  }

  /** The coordinator is there again, or its heir. */
  #onWelcomeBack({ workerId, keep, restore }: Welcome): void {
    assert(this.#state.memberIndex === -1, "a second welcome to a member");
    this.#workerId = workerId;
    if (keep) this.#sayPrepared();
    else if (!restore) this.initialise();
    else this.#hasState = false;
  }

  /** The sum that we kept counts after all. */
  #lateCommit(step: number): void {
    if (this.#state.sumGeneration === undefined || this.#state.step !== step) {
      throw new TrainerError(
        "ERR_PROTOCOL",
        `The coordinator says that step ${step} counts, but this worker has no sum of it: it is at ` +
          `step ${this.#state.step}. Check that all run one version.`,
      );
    }
    const { trainer } = this.#means;
    // As in a replay: what is not finite was committed to be skipped.
    if (areFinite(trainer.sums())) trainer.update(step);
    this.#state = initialWorkState(step + 1);
    this.#sayPrepared();
  }

  async #woken(): Promise<void> {
    const startMs = this.#profiler.now();
    this.#waitStartMs = startMs;
    const name = WAITS[this.#state.attempt];
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#waitStartMs = undefined;
    this.#profiler.end(name, startMs);
  }

  async #do(task: Task): Promise<void> {
    const { step } = this.#state;
    const { trainer } = this.#means;
    switch (task.type) {
      case "begin":
        this.#begin(task.assign);
        return;
      case "leaf":
      case "audit":
      case "report":
        await this.#workOn(task);
        return;
      case "update":
        this.#update(task.commit);
        this.#profiler.end("step", this.#stepStartMs, step);
        this.#stepStartMs = this.#profiler.now();
        break;
      case "replay": {
        // The members have found the same in the same sum: not finite, it was committed to be skipped.
        if (areFinite(trainer.sums())) trainer.update(task.step);
        this.#say({ type: "digest", step: task.step + 1, digest: trainer.digest() });
        break;
      }
      case "evaluate": {
        const { evaluationId, batchIndex } = task.evaluate;
        const lossSum = await trainer.evaluate(task.evaluate);
        this.#say({ type: "evaluated", evaluationId, batchIndex, lossSum });
        break;
      }
      case "snapshot":
        this.#means.tell({ type: "snapshot", step, numRead: trainer.letStateBeRead() });
        break;
      case "copy":
        this.#means.tell({ type: "snapshot-copy", buffer: trainer.copyUnread() });
        break;
      case "hold": {
        this.#state = taskDone(this.#state, task);
        const { sumGeneration } = this.#state;
        const sum = sumGeneration === undefined ? {} : { sumGeneration };
        const held = { step, digest: trainer.digest(), ...sum };
        this.#means.tell({ type: "holding", held: this.#hasState ? held : undefined });
        return;
      }
      default:
        assertNever(task);
    }
    this.#state = taskDone(this.#state, task);
  }

  #begin(assign: Assign): void {
    const { generation, step, ranges } = assign;
    const { trainer, tell } = this.#means;
    const startMs = this.#profiler.now();
    const range = defined(ranges[this.#state.memberIndex], "this member's leaves");
    const isVoid = () => generation !== this.#state.generation;
    const former = assign.keep === true && this.#state.hasLeaves ? this.#work : undefined;
    this.#work = new StepWork({
      ...{ assign, range, former, trainer, profiler: this.#profiler, isVoid },
      tell: (message) => tell(message),
    });
    tell({ type: "begin", generation, step, ranges });
    this.#state = taskDone(this.#state, { type: "begin", assign });
    this.#work.takeKept();
    this.#profiler.end("begin", startMs);
    this.#endLeaves(this.#work);
  }

  /** A part of the step's work; void when a new generation has been heard meanwhile. */
  async #workOn(task: Extract<Task, { readonly type: "leaf" | "audit" | "report" }>) {
    const { generation } = this.#state;
    const work = defined(this.#work, "the work of this step");
    if (task.type === "leaf") await work.leaf();
    else if (task.type === "audit") await work.auditLeaf();
    else await work.report();
    if (generation !== this.#state.generation) return;
    if (task.type === "leaf") this.#endLeaves(work);
    else this.#state = taskDone(this.#state, task);
  }

  #endLeaves(work: StepWork): void {
    if (work.hasLeaf) return;
    work.endLeaves();
    this.#state = leavesDone(this.#state);
  }

  #update({ step, digest, sum, skip }: Commit): void {
    const { trainer, tell } = this.#means;
    // A copy: the next exchange overwrites the sum while this one leaves.
    if (sum) tell({ type: "sum", step, buffer: trainer.copySum() });
    else trainer.forgetCopies();
    if (!skip) trainer.update(step);
    if (digest) this.#say({ type: "digest", step: step + 1, digest: trainer.digest() });
  }

  #say(message: Told): void {
    this.#means.tell({ type: "send", message });
  }
}

/** What a thread with nothing to do waits for, by how far its step is. */
const WAITS: Readonly<Record<Attempt, SpanName>> = {
  none: "wait for assignment",
  // Never without a task.
  computing: "wait for assignment",
  exchanging: "wait for sum",
  summed: "wait for sum",
  ready: "wait for commit",
};
