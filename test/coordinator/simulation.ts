import { assert, defined } from "../../src/base/assert.ts";
import type { Random } from "../../src/base/random.ts";
import { auditedBy } from "../../src/coordinator/audits-of.ts";
import type { RunEffect, RunOutcome } from "../../src/coordinator/run-effects.ts";
import type { RunEvent } from "../../src/coordinator/run-events.ts";
import { DEFAULT_WAIT_LIMITS, type RunPlan } from "../../src/coordinator/run-plan.ts";
import { FRESH_START, initialRunState, type RunState } from "../../src/coordinator/run-state.ts";
import { transition } from "../../src/coordinator/transition.ts";
import { type Held, type Moment, PROTOCOL_VERSION } from "../../src/protocol/messages.ts";
import { checkTransition } from "./check-transition.ts";
import { SimulatedDisk } from "./simulated-disk.ts";
import { CALM, type FaultCounts, type Faults } from "./simulated-faults.ts";
import { PeerNetwork, silenceMs } from "./simulated-peer-links.ts";
import { SimulatedStarOwner } from "./simulated-star.ts";
import {
  type Delivery,
  type Saying,
  SEED_PARAMETERS,
  SimulatedWorker,
  updated,
} from "./simulated-worker.ts";
import { anyOf, strike } from "./strike.ts";

/** What the shell has of a committed step's sum. */
interface SimulatedSum {
  readonly donorId: number;
  isWhole: boolean;
  isForgotten: boolean;
}

/** The plan of most simulations: 12 steps of 5 leaves. */
export const SMALL_PLAN: RunPlan = {
  runId: "simulated",
  ...{ steps: 12, numLeaves: 5, tokensPerStep: 10, evaluateEvery: 4, checkpointEvery: 5 },
  ...{ numEvaluationBatches: 3, evaluationTokens: 30, minWorkers: 2, allReduce: "mesh" },
  ...{ canReunite: true, dividesBySpeed: true, audit: { rate: 0, seed: 1 } },
  ...{ maxSkippedSteps: 2, allowsMixedEngines: false },
  limits: DEFAULT_WAIT_LIMITS,
};

/** Long enough for every silence to be noticed. */
const LONG_MS = 5000;

/** Events for which a held-up link carries nothing. */
const DELAY_EVENTS = 60;

/** A run with virtual time, links and workers, in which chance decides what happens next. */
export class Simulation {
  readonly plan: RunPlan;
  readonly workers = new Map<number, SimulatedWorker>();
  readonly history: { readonly generation: number; readonly step: number }[] = [];
  readonly effects: RunEffect[] = [];
  /** Steps whose gradient is not finite. */
  readonly badSteps = new Set<number>();
  state: RunState;
  outcome: RunOutcome | undefined;
  nowMs = 0;
  readonly #random: Random;
  readonly #network: PeerNetwork;
  readonly #disk = new SimulatedDisk();
  #collected: { readonly step: number; readonly parameters: number } | undefined;
  #saving: { readonly step: number; readonly parameters: number } | undefined;
  /** A save that was begun does not come to its end. */
  isDiskStuck: boolean = false;
  /** Steps whose checkpoints cannot be read. */
  readonly damagedSteps = new Set<number>();
  /** Events that the shell tells by itself, next. */
  readonly #soon: RunEvent[] = [];
  readonly #sums = new Map<number, SimulatedSum>();
  /** In a star, the coordinator's own part in exchanges. */
  #star = new SimulatedStarOwner();
  #numWorkers = 0;
  /** Lets the next effects be cut off somewhere. */
  #willCrash: boolean = false;
  isDown: boolean = false;
  /** How often each kind of fault has happened. */
  readonly counts: FaultCounts = new Map();
  #numEvents = 0;

  constructor(random: Random, plan: RunPlan = SMALL_PLAN) {
    this.#random = random;
    this.#network = new PeerNetwork({
      random,
      nowMs: () => this.nowMs,
      find: (workerId) => {
        const worker = this.workers.get(workerId);
        return worker === undefined || worker.isGone || worker.isGhost ? undefined : worker.mesh;
      },
    });
    this.plan = plan;
    this.state = initialRunState(plan, FRESH_START, 0);
  }

  /** The parameters after so many undisturbed steps, some of which were skipped. */
  static parametersAfter(steps: number, skipped: ReadonlySet<number> = new Set()): number {
    let parameters = SEED_PARAMETERS;
    for (let step = 0; step < steps; step++) {
      if (!skipped.has(step)) parameters = updated(parameters, step);
    }
    return parameters;
  }

  /** Rows of metrics.jsonl. */
  get metrics(): SimulatedDisk["metrics"] {
    return this.#disk.metrics;
  }

  /** Lines of events.jsonl. */
  get records(): SimulatedDisk["records"] {
    return this.#disk.records;
  }

  get living(): readonly SimulatedWorker[] {
    return [...this.workers.values()].filter((worker) => !worker.isGone && !worker.isFrozen);
  }

  join(): SimulatedWorker {
    const workerId = this.#numWorkers++;
    const worker = new SimulatedWorker(workerId, {
      network: this.#network,
      badSteps: this.badSteps,
      allReduce: this.plan.allReduce,
    });
    this.workers.set(workerId, worker);
    this.#hello(workerId);
    return worker;
  }

  kill(worker: SimulatedWorker): void {
    worker.isGone = true;
    worker.inbox.length = 0;
    // What had left its process still arrives, in part.
    worker.outbox.length = this.#part(worker.outbox.length);
  }

  /** Goes on. A link that was given up meanwhile is gone: it calls again. */
  thaw(worker: SimulatedWorker): void {
    worker.isFrozen = false;
  }

  /** The coordinator is gone, between two events. All that it has sent arrives. */
  stopCoordinator(): void {
    const inboxes = [...this.workers.values()].map(({ inbox }) => [...inbox]);
    this.#crash();
    for (const [i, worker] of [...this.workers.values()].entries()) {
      if (!worker.isGone) worker.inbox.splice(0, Number.POSITIVE_INFINITY, ...(inboxes[i] ?? []));
    }
  }

  /** The coordinator is gone in the middle of its next decision. */
  killCoordinator(): void {
    this.#willCrash = true;
  }

  /** The coordinator does nothing for some time, and finds all its links given up. */
  freezeCoordinator(ms: number): void {
    this.nowMs += ms;
    this.cutCoordinator();
  }

  /** All links are cut, in the middle of a message: what was not whole at its end is lost. */
  cutCoordinator(): void {
    for (const worker of [...this.workers.values()]) {
      if (!worker.isGone && !worker.isOrphan) this.cutLink(worker);
    }
  }

  /** All links carry nothing any more: workers notice first, the coordinator by silence. */
  halfOpenCoordinator(): void {
    for (const worker of [...this.workers.values()]) {
      if (!worker.isGone && !worker.isOrphan) this.halfOpenLink(worker);
    }
  }

  /** Lets things happen, with no faults, until `isReached`. */
  runUntil(isReached: () => boolean): void {
    for (let numEvents = 0; !isReached(); numEvents++) {
      assert(numEvents < 20_000, "it never happens");
      this.stepOnce(CALM, numEvents);
    }
  }

  /** Lets things happen until the run has ended. */
  runToEnd(): RunOutcome {
    this.runUntil(() => this.outcome !== undefined);
    return defined(this.outcome, "the outcome");
  }

  /** Lets one thing happen, chosen by chance. */
  stepOnce(faults: Faults, numEvents: number): void {
    this.#numEvents = numEvents;
    const saving = this.#saving;
    for (const event of this.#soon.splice(0)) if (!this.isDown) this.dispatch(event);
    if (numEvents < faults.until) strike(this, this.#random, faults);
    else this.#disk.isFull = false;
    if (this.isDown && this.#random.uniform() < 0.1) {
      this.#restart(numEvents < faults.until ? (faults.powerCut ?? 0) : 0);
      return;
    }
    const actions = this.#possibleActions();
    const index = Math.floor(this.#random.uniform() * actions.length);
    if (actions.length > 0 && this.#random.uniform() < 0.97) defined(actions[index], "an action")();
    else this.passTime(actions.length > 0 || this.#isDelaying() ? 100 : this.#quietMs());
    const isUnderWay = saving !== undefined && saving === this.#saving;
    if (isUnderWay && !this.isDiskStuck && this.#random.uniform() < 0.2) {
      this.#endSave(faults, numEvents);
    }
  }

  /** The checkpoint being written is whole. */
  finishSave(): void {
    const { step, parameters } = defined(this.#saving, "a save");
    this.#saving = undefined;
    this.#disk.checkpoints.set(step, parameters);
    this.dispatch({ type: "saved", step });
  }

  /** What the coordinator has in memory of the newest snapshot makes room for another. */
  loseSnapshot(): void {
    this.#collected = undefined;
  }

  /** The checkpoint being written fails. */
  failSave(message: string): void {
    const { step } = defined(this.#saving, "a save");
    this.#saving = undefined;
    this.dispatch({ type: "save-failed", step, code: "ERR_WRITE", message });
  }

  passTime(ms: number): void {
    this.nowMs += ms;
    // A frozen process is noticed by its silence.
    for (const worker of [...this.workers.values()]) {
      if (worker.isGone || worker.isOrphan || !worker.isFrozen) {
        worker.silentUntilMs = undefined;
        continue;
      }
      worker.silentUntilMs ??= this.nowMs - ms + silenceMs(this.#random);
      if (ms < LONG_MS && this.nowMs < worker.silentUntilMs) continue;
      if (worker.isGhost) this.#close(worker, "silent for 1.3 s");
      else this.cutLink(worker, "silent for 1.3 s");
    }
    if (this.isDown) return;
    const numFrames = this.#star.takeNumLate();
    if (numFrames > 0) this.dispatch({ type: "late-frames", numFrames });
    this.dispatch({ type: "tick" });
    this.#disk.sync();
  }

  dispatch(event: RunEvent): void {
    const { state, effects } = transition(this.state, event, this.nowMs);
    checkTransition(this.state, state, effects);
    if (state.generation !== this.state.generation) this.#star.abort(state.generation);
    this.state = state;
    const numPerformed = this.#willCrash
      ? Math.floor(this.#random.uniform() * (effects.length + 1))
      : effects.length;
    for (const effect of effects.slice(0, numPerformed)) this.#perform(effect);
    if (this.#willCrash && this.outcome === undefined) this.#crash();
  }

  /** The coordinator is gone, with all that was on its way to it, and some of what it had sent. */
  #crash(): void {
    this.#willCrash = false;
    this.isDown = true;
    this.count("crash");
    this.#disk.loseWaiting();
    for (const worker of this.workers.values()) this.#orphan(worker);
    // A checkpoint may have become whole just before.
    if (this.#saving !== undefined && this.#random.uniform() < 0.3) {
      this.#disk.checkpoints.set(this.#saving.step, this.#saving.parameters);
    }
    this.#saving = undefined;
    this.#collected = undefined;
    this.#star = new SimulatedStarOwner();
  }

  #orphan(worker: SimulatedWorker): void {
    const numSaid = worker.inbox.length + worker.outbox.length;
    worker.inbox.length = this.#part(worker.inbox.length);
    worker.outbox.length = 0;
    worker.saidAt = undefined;
    if (numSaid > worker.inbox.length) this.count("lose");
    worker.isOrphan = true;
    worker.isGone ||= worker.isGhost;
  }

  #part(length: number): number {
    return Math.floor(this.#random.uniform() * (length + 1));
  }

  /** Notes that a fault has come to pass. */
  count(kind: Parameters<FaultCounts["get"]>[0]): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }

  /** Starts the coordinator again from its files. */
  #restart(powerCut: number): void {
    if (this.#random.uniform() < powerCut) {
      this.count("powerCut");
      this.#disk.losePower(this.#random);
    }
    const { start, heritage } = this.#disk.recover();
    this.state = initialRunState(this.plan, start, this.nowMs, heritage);
    this.isDown = false;
    // Killed processes leave no link behind.
    for (const worker of [...this.workers.values()]) {
      if (worker.isGone) this.workers.delete(worker.id);
    }
  }

  /** An orphan calls, under a new id. */
  #callAgain(worker: SimulatedWorker): void {
    this.workers.delete(worker.id);
    const held = worker.loseCoordinator(this.plan.runId);
    worker.id = this.#numWorkers++;
    this.workers.set(worker.id, worker);
    this.#hello(worker.id, held);
  }

  #hello(workerId: number, held?: Held): void {
    const hello = { type: "hello", protocolVersion: PROTOCOL_VERSION, peerPort: 1 } as const;
    const names = { name: `host/${workerId}`, packageVersion: "0" };
    const whole = { ...hello, ...names, ...(held === undefined ? {} : { held }) };
    this.dispatch({ type: "hello", workerId, hello: whole, host: "::1" });
  }

  /** Breaks one of the links between two living workers; false: there is none. */
  breakPeerLink(how: "cut" | "halfOpen"): boolean {
    const link = anyOf(this.#random, this.#network.openLinks);
    if (link !== undefined) this.#network[how](link);
    return link !== undefined;
  }

  /** A worker's link carries nothing for a while. */
  holdLink(worker: SimulatedWorker): void {
    worker.heldUntil = this.#numEvents + DELAY_EVENTS;
  }

  /** The disk becomes full, or has room again. */
  fillDisk(): void {
    this.#disk.isFull = !this.#disk.isFull;
    this.#disk.sync();
  }

  /** A worker reaches none of the others any more, though it still talks to the coordinator. */
  isolate(worker: SimulatedWorker): void {
    this.#network.isolate(worker.mesh);
  }

  /** The link between a worker and the coordinator ends, in the middle of a message. */
  cutLink(victim: SimulatedWorker, reason = "connection lost"): void {
    this.#orphan(victim);
    if (this.isDown) return;
    this.dispatch({ type: "closed", workerId: victim.id, reason });
  }

  /** The worker gives its link up and will call again; at the other end the link seems to live. */
  halfOpenLink(victim: SimulatedWorker): void {
    const ghost = new SimulatedWorker(victim.id, { network: this.#network });
    ghost.isGhost = true;
    ghost.isFrozen = true;
    this.#orphan(victim);
    victim.id = this.#numWorkers++;
    this.workers.set(victim.id, victim);
    this.workers.set(ghost.id, ghost);
  }

  /** How long nothing happens when nobody can do anything. */
  #quietMs(): number {
    const silences = [...this.workers.values()].flatMap(({ silentUntilMs }) => silentUntilMs ?? []);
    const untilSilent = Math.min(...silences) - this.nowMs;
    return Math.max(1, Math.min(LONG_MS, this.#network.untilNextSightMs ?? LONG_MS, untilSilent));
  }

  /** Whether somebody who could do something is held up by its link alone. */
  #isDelaying(): boolean {
    return this.living.some(({ heldUntil }) => heldUntil > this.#numEvents);
  }

  #possibleActions(): readonly (() => void)[] {
    const sights = this.#network.possibleSights();
    const actions = [...this.workers.values()].flatMap((worker) => {
      const actions: (() => void)[] = [];
      if (worker.heldUntil > this.#numEvents) return actions;
      if (this.isDown || worker.isOrphan) return this.#orphanActions(worker);
      if (worker.outbox.length > 0) worker.saidAt ??= this.#numEvents;
      if (worker.outbox.length > 0) actions.push(() => this.#hear(worker));
      else if (worker.isGone) actions.push(() => this.#close(worker, "connection lost"));
      if (worker.isGone || worker.isFrozen || worker.isStuck) return actions;
      if (worker.inbox.length > 0) actions.push(() => worker.receive());
      if (worker.canWork) actions.push(() => worker.work());
      return actions;
    });
    return sights.length === 0 ? actions : [...sights, ...actions];
  }

  /** Without a coordinator a worker hears what was still under way, and calls when there is one. */
  #orphanActions(worker: SimulatedWorker): readonly (() => void)[] {
    if (worker.isGone || worker.isFrozen || worker.isStuck) return [];
    worker.outbox.length = 0;
    if (worker.inbox.length > 0) return [() => worker.receive()];
    if (!worker.hasLetGo) return [() => worker.letGo()];
    return this.isDown ? [] : [() => this.#callAgain(worker)];
  }

  #hear(worker: SimulatedWorker): void {
    const saying: Saying = defined(worker.outbox.shift(), "a saying");
    const workerId = worker.id;
    const saidAt = worker.saidAt ?? this.#numEvents;
    worker.saidAt = undefined;
    const others = [...this.workers.values()].some((one) => (one.saidAt ?? saidAt) < saidAt);
    if (others) this.count("reorder");
    if (saying.type === "hello") return;
    if (saying.type === "sum") {
      this.#onSum(workerId, saying.step);
      return;
    }
    if (saying.type === "partials") {
      this.#onPartials(workerId, saying);
      return;
    }
    if (saying.type !== "snapshot") {
      this.dispatch({ type: "message", workerId, message: saying });
      return;
    }
    const { step, parameters } = saying;
    this.#collected = { step, parameters };
    this.dispatch({ type: "snapshot", workerId, step, digest: String(parameters) });
  }

  /** In a star: sums go out as soon as all partials are here. */
  #onPartials(workerId: number, moment: Moment): void {
    this.#star.receive(workerId, moment);
    for (let done = this.#star.takeDone(); done !== undefined; done = this.#star.takeDone()) {
      const { generation, step, members } = done;
      for (const id of members) this.#deliver(id, { type: "star-sum", generation, step });
    }
  }

  #onSum(workerId: number, step: number): void {
    const sum = defined(this.#sums.get(step), `the sum of step ${step} was not asked for`);
    // One that nobody needs any more may still have been on its way.
    if (sum.donorId !== workerId || sum.isForgotten) return;
    sum.isWhole = true;
    this.dispatch({ type: "sum", workerId, step });
  }

  #close(worker: SimulatedWorker, reason: string): void {
    worker.isGone = true;
    this.workers.delete(worker.id);
    if (this.isDown) return;
    this.dispatch({ type: "closed", workerId: worker.id, reason });
  }

  #endSave({ failSave, until }: Faults, numEvents: number): void {
    if (numEvents < until && this.#random.uniform() < failSave) {
      this.count("failSave");
      this.failSave("disk full");
    } else this.finishSave();
  }

  #perform(effect: RunEffect): void {
    this.effects.push(effect);
    switch (effect.type) {
      case "send":
        if (effect.message.type === "commit") this.history.push(effect.message);
        this.#deliver(effect.workerId, effect.message);
        return;
      case "welcome":
        this.#deliver(effect.workerId, effect);
        return;
      case "drop":
        this.#deliver(effect.workerId, effect.reject);
        return;
      case "report-star-waits": {
        const { generation, step } = effect;
        this.#soon.push({ type: "star-waits", generation, step, waits: this.#star.waits(effect) });
        return;
      }
      case "assign":
        if (this.plan.allReduce === "star") this.#star.expect(effect);
        for (const workerId of effect.members) {
          this.#deliver(workerId, { ...effect, audit: auditedBy(effect.audits, workerId) });
        }
        return;
      case "evaluate":
        this.#deliver(effect.workerId, effect);
        return;
      case "send-state": {
        const { workerId, step } = effect;
        if (this.damagedSteps.has(step) && this.#collected?.step !== step) {
          this.#soon.push(this.#damageOf(step));
          return;
        }
        const parameters =
          this.#collected?.step === step
            ? this.#collected.parameters
            : this.#disk.checkpoints.get(step);
        const known = defined(parameters, `the state of step ${step}`);
        this.#deliver(workerId, { type: "state", step, parameters: known });
        return;
      }
      case "save":
        assert(this.#saving === undefined, "two saves at a time");
        assert(effect.facts.parameterDigest === String(this.#collected?.parameters), "digest");
        this.#saving = {
          step: effect.step,
          parameters: defined(this.#collected, "a snapshot").parameters,
        };
        this.#disk.facts.set(effect.step, effect.facts);
        this.#disk.sync();
        return;
      case "rewind":
        this.#disk.rewind(effect);
        return;
      case "metrics":
        this.#disk.metrics.push(effect.row);
        return;
      case "collect-sum":
        this.#sums.set(effect.step, {
          donorId: effect.workerId,
          isWhole: false,
          isForgotten: false,
        });
        return;
      case "send-sum":
        assert(this.#sums.get(effect.step)?.isWhole === true, `the sum of ${effect.step} is here`);
        this.#deliver(effect.workerId, { type: "replay", step: effect.step });
        return;
      case "forget-sums":
        for (const [step, sum] of this.#sums) {
          if (step < effect.below) Object.assign(sum, { isWhole: false, isForgotten: true });
        }
        return;
      case "end":
        this.outcome = effect.outcome;
        return;
      case "record":
        this.#disk.records.push(effect.record);
        return;
      case "collect-snapshot":
      case "log":
        return;
    }
  }

  /** What the shell finds instead of a damaged checkpoint: the newest whole one. */
  #damageOf(step: number): RunEvent {
    const whole = [...this.#disk.checkpoints.keys()].filter((one) => !this.damagedSteps.has(one));
    const damaged = [{ step, code: "ERR_CHECKPOINT_DAMAGED", message: "altered" }];
    return {
      type: "checkpoint-damaged",
      damaged,
      start: this.#disk.startAt(Math.max(...whole.filter((one) => one < step))),
    };
  }

  #deliver(workerId: number, delivery: Delivery): void {
    const worker = this.workers.get(workerId);
    if (worker?.isGone === false) worker.inbox.push(delivery);
  }
}
