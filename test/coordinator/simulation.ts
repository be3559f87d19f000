import { assert, defined } from "../../src/base/assert.ts";
import type { Random } from "../../src/base/random.ts";
import type {
  EvaluationFacts,
  RunEffect,
  RunOutcome,
  StepFacts,
} from "../../src/coordinator/run-effects.ts";
import type { RunEvent } from "../../src/coordinator/run-events.ts";
import { DEFAULT_WAIT_LIMITS, type RunPlan } from "../../src/coordinator/run-plan.ts";
import { FRESH_START, initialRunState, type RunState } from "../../src/coordinator/run-state.ts";
import { transition } from "../../src/coordinator/transition.ts";
import { PROTOCOL_VERSION } from "../../src/protocol/messages.ts";
import {
  type Delivery,
  Exchanges,
  type Saying,
  SEED_PARAMETERS,
  SimulatedWorker,
  updated,
} from "./simulated-worker.ts";

/** What a schedule may do to a run, as probabilities per event while faults last. */
export interface Faults {
  readonly kill: number;
  readonly freeze: number;
  readonly join: number;
  readonly failSave: number;
  /** Events after which nothing goes wrong any more. */
  readonly until: number;
}

/** What the shell has of a committed step's sum. */
interface SimulatedSum {
  readonly donorId: number;
  isWhole: boolean;
  isForgotten: boolean;
}

/** Nothing goes wrong. */
export const CALM: Faults = { kill: 0, freeze: 0, join: 0, failSave: 0, until: 0 };

/** The plan of most simulations: 12 steps of 5 leaves. */
export const SMALL_PLAN: RunPlan = {
  ...{ steps: 12, numLeaves: 5, tokensPerStep: 10, evaluateEvery: 4, checkpointEvery: 5 },
  ...{ numEvaluationBatches: 3, evaluationTokens: 30, minWorkers: 2, allReduce: "mesh" },
  limits: DEFAULT_WAIT_LIMITS,
};

/** A run with virtual time, links and workers, in which chance decides what happens next. */
export class Simulation {
  readonly plan: RunPlan;
  readonly workers = new Map<number, SimulatedWorker>();
  readonly metrics: (StepFacts | EvaluationFacts)[] = [];
  readonly history: { readonly generation: number; readonly step: number }[] = [];
  readonly effects: RunEffect[] = [];
  state: RunState;
  outcome: RunOutcome | undefined;
  nowMs = 0;
  readonly #random: Random;
  readonly #exchanges = new Exchanges();
  readonly #checkpoints = new Map([[0, SEED_PARAMETERS]]);
  #collected: { readonly step: number; readonly parameters: number } | undefined;
  #saving: number | undefined;
  readonly #sums = new Map<number, SimulatedSum>();
  #numWorkers = 0;

  constructor(random: Random, plan: RunPlan = SMALL_PLAN) {
    this.#random = random;
    this.plan = plan;
    this.state = initialRunState(plan, FRESH_START, 0);
  }

  /** The parameters after so many undisturbed steps. */
  static parametersAfter(steps: number): number {
    let parameters = SEED_PARAMETERS;
    for (let step = 0; step < steps; step++) parameters = updated(parameters, step);
    return parameters;
  }

  get living(): readonly SimulatedWorker[] {
    return [...this.workers.values()].filter((worker) => !worker.isGone && !worker.isFrozen);
  }

  join(): SimulatedWorker {
    const workerId = this.#numWorkers++;
    const worker = new SimulatedWorker(workerId, this.#exchanges);
    this.workers.set(workerId, worker);
    const hello = { type: "hello", protocolVersion: PROTOCOL_VERSION, peerPort: 1 } as const;
    const names = { name: `host/${workerId}`, packageVersion: "0" };
    this.dispatch({ type: "hello", workerId, hello: { ...hello, ...names }, host: "::1" });
    return worker;
  }

  kill(worker: SimulatedWorker): void {
    worker.isGone = true;
    worker.inbox.length = 0;
    // What had left its process still arrives, in part.
    worker.outbox.length = Math.floor(this.#random.uniform() * (worker.outbox.length + 1));
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
    if (numEvents < faults.until) this.#maybeFault(faults);
    const actions = this.#possibleActions();
    const index = Math.floor(this.#random.uniform() * actions.length);
    if (actions.length > 0 && this.#random.uniform() < 0.97) defined(actions[index], "an action")();
    else this.passTime(actions.length > 0 ? 100 : 5000);
    if (this.#saving !== undefined && this.#random.uniform() < 0.2)
      this.#endSave(faults, numEvents);
  }

  /** The checkpoint being written fails. */
  failSave(message: string): void {
    const step = defined(this.#saving, "a save");
    this.#saving = undefined;
    this.dispatch({ type: "save-failed", step, code: "ERR_WRITE", message });
  }

  passTime(ms: number): void {
    this.nowMs += ms;
    // A frozen process is noticed by its silence.
    for (const worker of this.workers.values()) {
      if (worker.isFrozen && !worker.isGone && ms >= 5000) this.#close(worker, "silent for 10 s");
    }
    this.dispatch({ type: "tick" });
  }

  dispatch(event: RunEvent): void {
    const { state, effects } = transition(this.state, event, this.nowMs);
    this.#checkTransition(this.state, state, effects);
    this.state = state;
    for (const effect of effects) this.#perform(effect);
  }

  #maybeFault({ kill, freeze, join }: Faults): void {
    const chance = this.#random.uniform();
    const victim = this.living[Math.floor(this.#random.uniform() * this.living.length)];
    if (chance < kill && victim !== undefined) this.kill(victim);
    else if (chance < kill + freeze && victim !== undefined) victim.isFrozen = true;
    else if (chance < kill + freeze + join && this.living.length < 6) this.join();
  }

  #possibleActions(): readonly (() => void)[] {
    const isAlive = (id: number) => this.workers.get(id)?.isGone === false;
    return [...this.workers.values()].flatMap((worker) => {
      const actions: (() => void)[] = [];
      if (worker.outbox.length > 0) actions.push(() => this.#hear(worker));
      else if (worker.isGone) actions.push(() => this.#close(worker, "connection lost"));
      if (worker.isGone || worker.isFrozen || worker.isStuck) return actions;
      if (worker.inbox.length > 0) actions.push(() => worker.receive(isAlive));
      if (worker.canWork) actions.push(() => worker.work());
      return actions;
    });
  }

  #hear(worker: SimulatedWorker): void {
    const saying: Saying = defined(worker.outbox.shift(), "a saying");
    const workerId = worker.id;
    if (saying.type === "hello") return;
    if (saying.type === "sum") {
      this.#onSum(workerId, saying.step);
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
    this.dispatch({ type: "closed", workerId: worker.id, reason });
  }

  #endSave({ failSave, until }: Faults, numEvents: number): void {
    const step = defined(this.#saving, "a save");
    this.#saving = undefined;
    // The last checkpoint is the run's result: without it there is none.
    const mayFail = numEvents < until && step < this.plan.steps;
    if (mayFail && this.#random.uniform() < failSave) {
      this.dispatch({ type: "save-failed", step, code: "ERR_WRITE", message: "disk full" });
      return;
    }
    this.#checkpoints.set(step, defined(this.#collected, "a snapshot").parameters);
    this.dispatch({ type: "saved", step });
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
      case "assign":
        for (const workerId of effect.members) this.#deliver(workerId, effect);
        return;
      case "evaluate":
        this.#deliver(effect.workerId, effect);
        return;
      case "send-state": {
        const { workerId, step } = effect;
        const parameters =
          this.#collected?.step === step ? this.#collected.parameters : this.#checkpoints.get(step);
        const known = defined(parameters, `the state of step ${step}`);
        this.#deliver(workerId, { type: "state", step, parameters: known });
        return;
      }
      case "save":
        assert(this.#saving === undefined, "two saves at a time");
        assert(effect.facts.parameterDigest === String(this.#collected?.parameters), "digest");
        this.#saving = effect.step;
        return;
      case "rewind": {
        const kept = this.metrics.filter(({ step }) => step <= effect.step);
        this.metrics.splice(0, this.metrics.length, ...kept);
        return;
      }
      case "metrics":
        this.metrics.push(effect.row);
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
      case "collect-snapshot":
      case "record":
      case "log":
        return;
    }
  }

  #deliver(workerId: number, delivery: Delivery): void {
    const worker = this.workers.get(workerId);
    if (worker?.isGone === false) worker.inbox.push(delivery);
  }

  /** What must hold after every event, whatever happens. */
  #checkTransition(before: RunState, after: RunState, effects: readonly RunEffect[]): void {
    assert(after.generation >= before.generation, "a generation went back");
    for (const effect of effects) {
      if (effect.type !== "assign") continue;
      const { generation, members, ranges } = effect;
      assert(generation === after.generation, "an assignment of another generation");
      assert(members.length === ranges.length, "a range for each member");
      let covered = 0;
      for (const { lo, hi } of ranges) {
        assert(lo === covered && hi >= lo, "leaves are assigned in order, without gaps");
        covered = hi;
      }
      assert(covered === this.plan.numLeaves, "every leaf is assigned");
    }
  }
}
