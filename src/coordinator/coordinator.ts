import { assertNever } from "../base/assert.ts";
import { TrainerError } from "../base/errors.ts";
import { leavesPerStep } from "../configuration/configuration.ts";
import type { Link } from "../protocol/link.ts";
import type { DigestReport, Message } from "../protocol/messages.ts";
import type { TensorFrame } from "../protocol/tensor-frame.ts";
import type { CoordinatorMeans } from "./coordinator-means.ts";
import { isDamage } from "./find-start.ts";
import type { RunEffect, RunOutcome } from "./run-effects.ts";
import type { RunEvent } from "./run-events.ts";
import type { RunState } from "./run-state.ts";
import { statusOf } from "./run-status.ts";
import { StarOwner } from "./star-owner.ts";
import { SumStore } from "./sum-store.ts";
import { transition } from "./transition.ts";
import { WorkerSupply } from "./worker-supply.ts";
import { writeCheckpoint } from "./write-checkpoint.ts";

/** How often deadlines are looked at and the status is published. */
const TICK_MS = 250;

/** How long a caller may take to say who it is. */
const HELLO_MS = 10_000;

/**
 * Does what the machine decides: links, files and time around `transition`.
 *
 * Long, since every message and every effect has its place in one of two switches here.
 */
export class Coordinator {
  /** Kept with the outcome; broken by a mistake of our own. */
  readonly ended: Promise<RunOutcome>;
  readonly #means: CoordinatorMeans;
  readonly #supply: WorkerSupply;
  #state: RunState;
  readonly #links = new Map<number, Link>();
  #nextWorkerId: number;
  #star: StarOwner | undefined;
  readonly #sums = new SumStore();
  #settle: (outcome: RunOutcome) => void = () => undefined;
  #break: (error: unknown) => void = () => undefined;
  #cancelTick: () => void = () => undefined;

  constructor(means: CoordinatorMeans, state: RunState) {
    this.#means = means;
    this.#state = state;
    this.#nextWorkerId = means.firstWorkerId;
    this.#supply = new WorkerSupply({
      ...means,
      linkOf: (workerId) => this.#links.get(workerId),
      generation: () => this.#state.generation,
    });
    this.ended = new Promise((resolve, reject) => {
      this.#settle = resolve;
      this.#break = reject;
    });
    this.#tick();
  }

  get state(): RunState {
    return this.#state;
  }

  /** Takes a new link: its first message has to be `hello`. */
  accept(link: Link, host: string): void {
    let workerId: number | undefined;
    const cancel = this.#means.clock.after(HELLO_MS, () => link.close("did not say hello"));
    link.listen({
      onMessage: (message) => {
        if (workerId !== undefined) this.#onMessage(workerId, message);
        else if (message.type === "hello") {
          cancel();
          workerId = this.#nextWorkerId++;
          this.#links.set(workerId, link);
          link.label = `worker ${workerId} (${message.name})`;
          this.dispatch({ type: "hello", workerId, hello: message, host });
        } else link.close("did not begin with hello");
      },
      onTensor: (frame) => {
        if (workerId === undefined) link.close("did not begin with hello");
        else this.#onTensor(workerId, frame);
      },
      onClose: (reason) => {
        cancel();
        if (workerId !== undefined) this.#lose(workerId, reason);
      },
    });
  }

  /** Tells the machine, and does what it says. */
  dispatch(event: RunEvent): void {
    try {
      const { state, effects } = transition(this.#state, event, this.#means.clock.nowMs());
      const isNewFleet = state.generation !== this.#state.generation;
      if (this.#state.layout === undefined && state.layout !== undefined) {
        this.#means.store.setLayout(state.layout);
      }
      this.#state = state;
      if (isNewFleet) this.#starOwner()?.abort(state.generation);
      for (const effect of effects) this.#perform(effect);
    } catch (error) {
      this.#cancelTick();
      this.#break(error);
    }
  }

  #tick(): void {
    this.#cancelTick = this.#means.clock.after(TICK_MS, () => this.#tick());
    const numFrames = this.#star?.takeNumLate() ?? 0;
    if (numFrames > 0) this.dispatch({ type: "late-frames", numFrames });
    this.dispatch({ type: "tick" });
    this.#inBackground(this.#means.journal.sync());
    this.#means.onStatus(statusOf(this.#state, this.#means.clock.nowMs()));
  }

  #onMessage(workerId: number, message: Message): void {
    switch (message.type) {
      case "digest":
        this.#onDigest(workerId, message);
        return;
      case "prepared":
      case "linked":
      case "computed":
      case "ready":
      case "evaluated":
      case "waiting":
      case "peer-lost":
      case "worker-failed":
        this.dispatch({ type: "message", workerId, message });
        return;
      default:
        this.#expel(workerId, `sent "${message.type}", which no worker says`);
    }
  }

  #onDigest(workerId: number, message: DigestReport): void {
    this.dispatch({ type: "message", workerId, message });
    this.#inBackground(this.#endSnapshot(workerId, message));
  }

  async #endSnapshot(workerId: number, report: DigestReport): Promise<void> {
    let isEnded = false;
    try {
      isEnded = await this.#means.store.isEndedBy(workerId, report);
    } catch (error) {
      this.#blame(workerId, error);
    }
    const { step, digest } = report;
    if (isEnded) this.dispatch({ type: "snapshot", workerId, step, digest });
  }

  #onTensor(workerId: number, frame: TensorFrame): void {
    switch (frame.kind) {
      case "partial":
      case "sum":
        this.#star?.receive(workerId, frame);
        return;
      case "state":
        this.#guard(workerId, () => this.#means.store.take(workerId, frame));
        return;
      case "replay":
        this.#guard(workerId, () => this.#onReplayFrame(workerId, frame));
        return;
      default:
        assertNever(frame.kind);
    }
  }

  #onReplayFrame(workerId: number, frame: TensorFrame): void {
    const step = this.#sums.take(workerId, frame);
    if (step !== undefined) this.dispatch({ type: "sum", workerId, step });
  }

  /** A worker that breaks a rule ends its own link and nothing else. */
  #guard(workerId: number, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#blame(workerId, error);
    }
  }

  #blame(workerId: number, error: unknown): void {
    if (error instanceof TrainerError) this.#expel(workerId, error.message);
    else this.#break(error);
  }

  #expel(workerId: number, why: string): void {
    this.#links.get(workerId)?.send({ type: "reject", code: "ERR_PROTOCOL", message: why });
    this.#lose(workerId, why);
  }

  #lose(workerId: number, reason: string): void {
    const link = this.#links.get(workerId);
    this.#links.delete(workerId);
    this.#star?.forget(workerId);
    this.#sums.forgetDonor(workerId);
    link?.close(reason);
    this.dispatch({ type: "closed", workerId, reason });
  }

  #perform(effect: RunEffect): void {
    const { journal, log, store } = this.#means;
    switch (effect.type) {
      case "send":
        this.#links.get(effect.workerId)?.send(effect.message);
        return;
      case "welcome":
        this.#supply.welcome(effect);
        return;
      case "send-state":
        this.#inBackground(this.#sendState(effect));
        return;
      case "drop":
        this.#drop(effect);
        return;
      case "lost":
        this.#means.onLost(effect.name);
        return;
      case "assign":
        store.forgetLoaded();
        this.#inBackground(this.#assign(effect));
        return;
      case "evaluate":
        this.#inBackground(this.#supply.evaluate(effect));
        return;
      case "collect-snapshot":
        store.collect(effect.workerId, effect.step);
        return;
      case "collect-sum":
        this.#sums.collect(effect.workerId, effect.step, store.numParams + 1);
        return;
      case "send-sum":
        this.#inBackground(this.#sendSum(effect));
        return;
      case "forget-sums":
        this.#sums.forget(effect.below, effect.isOver);
        return;
      case "save":
        this.#inBackground(this.#save(effect));
        return;
      case "rewind":
        journal.rewind(effect);
        return;
      case "metrics":
        journal.metrics(effect.row);
        return;
      case "record":
        journal.record(effect.record);
        return;
      case "log":
        log[effect.level](effect.text);
        return;
      case "report-star-waits": {
        const { generation, step } = effect;
        const waits = this.#star?.waits(effect) ?? [];
        this.#inBackground(this.#soon({ type: "star-waits", generation, step, waits }));
        return;
      }
      case "end":
        this.#cancelTick();
        this.#means.onStatus(statusOf(this.#state, this.#means.clock.nowMs()));
        this.#settle(effect.outcome);
        return;
      default:
        assertNever(effect);
    }
  }

  async #sendState({
    workerId,
    step,
  }: Extract<RunEffect, { readonly type: "send-state" }>): Promise<void> {
    try {
      await this.#supply.sendState(workerId, step);
    } catch (damage) {
      if (!isDamage(damage)) throw damage;
      const { store, configuration, log } = this.#means;
      this.dispatch(await store.findBefore(step, { configuration, log, damage }));
    }
  }

  #sendSum({ workerId, step }: Extract<RunEffect, { readonly type: "send-sum" }>): Promise<void> {
    return this.#sums.lend(step, (frames) => this.#supply.send(workerId, frames));
  }

  /** Tells the machine something when it is done with what it does now. */
  async #soon(event: RunEvent): Promise<void> {
    await Promise.resolve();
    this.dispatch(event);
  }

  #drop({ workerId, reject }: Extract<RunEffect, { readonly type: "drop" }>): void {
    const link = this.#links.get(workerId);
    this.#links.delete(workerId);
    this.#star?.forget(workerId);
    this.#sums.forgetDonor(workerId);
    link?.send(reject);
    link?.close(reject.message);
  }

  async #assign(effect: Extract<RunEffect, { readonly type: "assign" }>): Promise<void> {
    const exchange = this.#starOwner()?.expect(effect);
    await this.#supply.assign(effect);
    await exchange;
  }

  async #save(effect: Extract<RunEffect, { readonly type: "save" }>): Promise<void> {
    this.dispatch(await writeCheckpoint(this.#means, effect));
  }

  #starOwner(): StarOwner | undefined {
    const { configuration, store } = this.#means;
    if (configuration.allReduce !== "star") return undefined;
    this.#star ??= new StarOwner({
      numParams: store.numParams,
      numLeaves: leavesPerStep(configuration),
      wire: configuration.wire,
      linkOf: (workerId) => this.#links.get(workerId),
      onViolation: (workerId, error) => this.#expel(workerId, error.message),
    });
    return this.#star;
  }

  /** Owns work that nobody waits for: what fails ends the run by name. */
  #inBackground(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (error instanceof TrainerError) {
        this.dispatch({ type: "broken", code: error.code, message: error.message });
      } else {
        this.#break(error);
      }
    });
  }
}
