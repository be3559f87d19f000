import { assertNever, defined } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import { TrainerError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { type Configuration, leavesPerStep } from "../configuration/configuration.ts";
import type { ValidationBatches } from "../data/validation-batches.ts";
import type { Link } from "../protocol/link.ts";
import type { Message } from "../protocol/messages.ts";
import { stateFrames } from "../protocol/state-frames.ts";
import type { TensorFrame } from "../protocol/tensor-frame.ts";
import type { RunEffect, RunOutcome } from "./run-effects.ts";
import type { RunEvent } from "./run-events.ts";
import type { RunJournal } from "./run-journal.ts";
import type { RunState } from "./run-state.ts";
import { type RunStatus, statusOf } from "./run-status.ts";
import type { CheckpointExtras, SnapshotStore } from "./snapshot-store.ts";
import { StarOwner } from "./star-owner.ts";
import { asBytes, type TokenFeed } from "./token-feed.ts";
import { transition } from "./transition.ts";

/** What the shell around the machine works with. */
export interface CoordinatorMeans {
  readonly configuration: Configuration;
  readonly meshSecret: string;
  readonly feed: TokenFeed;
  readonly batches: ValidationBatches;
  readonly store: SnapshotStore;
  readonly journal: RunJournal;
  readonly tokenizer: unknown;
  readonly clock: Clock;
  readonly log: Log;
  onStatus(status: RunStatus): void;
}

/** How often deadlines are looked at and the status is published. */
const TICK_MS = 250;

/** Does what the machine decides: links, files and time around `transition`. */
export class Coordinator {
  /** Kept with the outcome; broken by a mistake of our own. */
  readonly ended: Promise<RunOutcome>;
  readonly #means: CoordinatorMeans;
  #state: RunState;
  readonly #links = new Map<number, Link>();
  #nextWorkerId = 0;
  #star: StarOwner | undefined;
  #settle: (outcome: RunOutcome) => void = () => undefined;
  #break: (error: unknown) => void = () => undefined;
  #cancelTick: () => void = () => undefined;

  constructor(means: CoordinatorMeans, state: RunState) {
    this.#means = means;
    this.#state = state;
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
    link.listen({
      onMessage: (message) => {
        if (workerId !== undefined) this.#onMessage(workerId, message);
        else if (message.type === "hello") {
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
    this.dispatch({ type: "tick" });
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
      case "peer-lost":
      case "worker-failed":
        this.dispatch({ type: "message", workerId, message });
        return;
      default:
        this.#expel(workerId, `sent "${message.type}", which no worker says`);
    }
  }

  #onDigest(workerId: number, message: Extract<Message, { readonly type: "digest" }>): void {
    this.dispatch({ type: "message", workerId, message });
    this.#guard(workerId, () => {
      if (!this.#means.store.isEndedBy(workerId, message)) return;
      const { step, digest } = message;
      this.dispatch({ type: "snapshot", workerId, step, digest });
    });
  }

  #onTensor(workerId: number, frame: TensorFrame): void {
    if (frame.kind !== "state") this.#star?.receive(workerId, frame);
    else this.#guard(workerId, () => this.#means.store.take(workerId, frame));
  }

  /** A worker that breaks a rule ends its own link and nothing else. */
  #guard(workerId: number, action: () => void): void {
    try {
      action();
    } catch (error) {
      if (error instanceof TrainerError) this.#expel(workerId, error.message);
      else this.#break(error);
    }
  }

  #expel(workerId: number, why: string): void {
    this.#links.get(workerId)?.send({ type: "reject", code: "ERR_PROTOCOL", message: why });
    this.#lose(workerId, why);
  }

  #lose(workerId: number, reason: string): void {
    const link = this.#links.get(workerId);
    this.#links.delete(workerId);
    this.#star?.forget(workerId);
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
        this.#welcome(effect);
        return;
      case "send-state":
        this.#inBackground(this.#sendState(effect.workerId, effect.step));
        return;
      case "drop":
        this.#drop(effect);
        return;
      case "assign":
        store.forgetLoaded();
        this.#inBackground(this.#assign(effect));
        return;
      case "evaluate":
        this.#inBackground(this.#evaluate(effect));
        return;
      case "collect-snapshot":
        store.collect(effect.workerId, effect.step);
        return;
      case "save":
        this.#inBackground(this.#save(effect));
        return;
      case "rewind":
        this.#inBackground(journal.rewind(effect.step));
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
      case "end":
        this.#cancelTick();
        this.#means.onStatus(statusOf(this.#state, this.#means.clock.nowMs()));
        this.#settle(effect.outcome);
        return;
      default:
        assertNever(effect);
    }
  }

  #welcome({ workerId, step, restore }: Extract<RunEffect, { readonly type: "welcome" }>): void {
    const { configuration, meshSecret } = this.#means;
    const welcome = { workerId, configuration, step, restore, meshSecret };
    this.#links.get(workerId)?.send({ type: "welcome", ...welcome });
  }

  #drop({ workerId, reject }: Extract<RunEffect, { readonly type: "drop" }>): void {
    const link = this.#links.get(workerId);
    this.#links.delete(workerId);
    this.#star?.forget(workerId);
    link?.send(reject);
    link?.close(reject.message);
  }

  async #sendState(workerId: number, step: number): Promise<void> {
    const state = await this.#means.store.stateAt(step);
    for (const frame of stateFrames(step, state)) {
      const link = this.#links.get(workerId);
      if (link === undefined) return;
      await link.sendTensor(frame);
    }
  }

  async #assign(effect: Extract<RunEffect, { readonly type: "assign" }>): Promise<void> {
    const { generation, step, members, ranges } = effect;
    const exchange = this.#starOwner()?.expect(effect);
    const tokens = await this.#means.feed.leaves(step, ranges);
    if (generation === this.#state.generation) {
      members.forEach((workerId, i) => {
        const own = defined(tokens[i], "a member's tokens");
        const message = { type: "assign", generation, step, ranges, tokens: own } as const;
        this.#links.get(workerId)?.send(message);
      });
    }
    await exchange;
  }

  async #evaluate(effect: Extract<RunEffect, { readonly type: "evaluate" }>): Promise<void> {
    const { workerId, evaluationId, batchIndex } = effect;
    const { numSequences, tokens } = await this.#means.batches.read(batchIndex);
    this.#links.get(workerId)?.send({
      ...{ type: "evaluate", evaluationId, batchIndex, numSequences },
      ...{ length: this.#means.configuration.contextLength, tokens: asBytes(tokens) },
    });
  }

  async #save({ step, facts }: Extract<RunEffect, { readonly type: "save" }>): Promise<void> {
    const { store, configuration, tokenizer, journal, log } = this.#means;
    const state = journal.checkpointState(facts);
    const extras: CheckpointExtras = { configuration, tokenizer, state };
    try {
      await store.save(step, extras);
    } catch (error) {
      if (!(error instanceof TrainerError)) throw error;
      const { code, message } = error;
      this.dispatch({ type: "save-failed", step, code, message });
      return;
    }
    try {
      await store.prune();
    } catch (error) {
      if (!(error instanceof TrainerError)) throw error;
      log.warn(`An old checkpoint could not be deleted: ${error.message}`);
    }
    this.dispatch({ type: "saved", step });
  }

  #starOwner(): StarOwner | undefined {
    const { configuration, store } = this.#means;
    if (configuration.allReduce !== "star") return undefined;
    this.#star ??= new StarOwner({
      numParams: store.numParams,
      numLeaves: leavesPerStep(configuration),
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
