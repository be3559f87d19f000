import { assert, defined } from "../../src/base/assert.ts";
import { hash32 } from "../../src/base/random.ts";
import type { RunEffect } from "../../src/coordinator/run-effects.ts";
import type { RunPlan } from "../../src/coordinator/run-plan.ts";
import type {
  Assign,
  Commit,
  Form,
  Held,
  LeafRange,
  Moment,
  Prepared,
  WorkerToCoordinator,
} from "../../src/protocol/messages.ts";
import { SimulatedExchange, type StepExchange } from "./simulated-exchange.ts";
import { SimulatedMesh } from "./simulated-mesh.ts";
import type { PeerNetwork } from "./simulated-peer-links.ts";
import { SimulatedStar } from "./simulated-star.ts";

/** What reaches a simulated worker: messages, and effects that the shell would turn into messages. */
export type Delivery =
  | Extract<RunEffect, { readonly type: "send" }>["message"]
  | { readonly type: "reject" }
  | {
      readonly type: "welcome";
      readonly step: number;
      readonly restore: boolean;
      readonly keep: boolean;
    }
  | { readonly type: "state"; readonly step: number; readonly parameters: number }
  /** The sum of a committed step, for one that catches up. */
  | { readonly type: "replay"; readonly step: number }
  /** In a star: the sum of all chunks. */
  | ({ readonly type: "star-sum" } & Moment)
  | (Omit<Assign, "tokens"> & { readonly members: readonly number[] })
  | { readonly type: "evaluate"; readonly evaluationId: number; readonly batchIndex: number };

/** What a simulated worker says: messages, partials, a snapshot with the report that ends it, a step's sum. */
export type Saying =
  | WorkerToCoordinator
  | { readonly type: "snapshot"; readonly step: number; readonly parameters: number }
  | { readonly type: "sum"; readonly step: number }
  /** In a star: its partials of a moment. */
  | ({ readonly type: "partials" } & Moment);

/** Parameters are a number here; the same history gives the same number. */
export const SEED_PARAMETERS = 1;

/** The parameters after one more step. */
export const updated = (parameters: number, step: number) => hash32(parameters, [step]);

/** The loss sum that everybody finds in a step, when everybody has the same parameters. */
export const lossOf = (parameters: number, step: number) => hash32(7, [parameters, step]) / 2 ** 16;

/** What a simulated worker finds around it. */
export interface Surroundings {
  readonly network: PeerNetwork;
  readonly badSteps?: ReadonlySet<number>;
  readonly allReduce?: RunPlan["allReduce"];
}

/** A worker as the coordinator sees it, without threads, sockets and arithmetic. */
export class SimulatedWorker {
  /** Another one after each loss of the coordinator. */
  id: number;
  parameters = SEED_PARAMETERS;
  step = 0;
  /** Set when it has left: by the coordinator's word, or killed. */
  isGone: boolean = false;
  isFrozen: boolean = false;
  /** What a leaf takes, as it says. */
  leafMs = 1;
  /** So many of the digests of leaves that it tells from now on are wrong. */
  numWrong = 0;
  /** Says that it has computed, but its peers get nothing. */
  isMute: boolean = false;
  /** Does nothing more, though its link lives. */
  isStuck: boolean = false;
  /** Its link has ended; it calls again once it has heard what was still under way. */
  isOrphan: boolean = false;
  /** An orphan's links to its peers are closed. */
  hasLetGo: boolean = false;
  /** Nobody: the coordinator's end of a link whose other end has been given up. */
  isGhost: boolean = false;
  /** The link carries nothing before this event. */
  heldUntil = 0;
  /** When what it said first, of what was not heard yet, was on its way. */
  saidAt: number | undefined;
  /** When its link is given up for its silence; undefined: it is not silent. */
  silentUntilMs: number | undefined;
  /** Leaves that it has computed. */
  numComputed = 0;
  /** Steps that it updated with, in order. */
  readonly updates: number[] = [];
  readonly inbox: Delivery[] = [];
  readonly outbox: Saying[] = [];
  /** Steps whose gradient is not finite, for everybody. */
  readonly badSteps: ReadonlySet<number>;
  /** Its ends of links to other workers. */
  readonly mesh: SimulatedMesh;
  readonly #exchange: StepExchange;
  /** Its exchange in a star; undefined: in a mesh. */
  readonly #star: SimulatedStar | undefined;
  #form: Form | undefined;
  #assigned = new Map<number, Omit<Assign, "tokens">>();
  #numLeaves = 0;
  /** The leaves of `step` that it has computed. */
  #kept: LeafRange | undefined;
  #attempt: "none" | "exchanging" | "ready" = "none";
  #hasState: boolean = false;
  /** Where it holds the sum of `step`, of which generation: it has lost the coordinator before the commit. */
  #sumGeneration: number | undefined;

  constructor(id: number, { network, badSteps = new Set(), allReduce = "mesh" }: Surroundings) {
    this.id = id;
    this.badSteps = badSteps;
    const isStar = allReduce === "star";
    this.#star = isStar
      ? new SimulatedStar((moment) => this.outbox.push({ type: "partials", ...moment }))
      : undefined;
    this.mesh = new SimulatedMesh({
      ...{ network, process: this },
      onFrame: (peerId, frame) => exchange.receive(peerId, frame),
      onLinked: (generation) => this.#say({ type: "linked", generation }),
      onLost: (generation, peerId, reason) => {
        exchange.forget(peerId);
        this.#say({ type: "peer-lost", generation, peerId, reason });
      },
    });
    const exchange = new SimulatedExchange(this.mesh);
    this.#exchange = this.#star ?? exchange;
  }

  /** Whether it could do something by itself: compute its leaves, or take the finished sum. */
  get canWork(): boolean {
    if (this.isGone || this.isFrozen || this.isStuck || this.isOrphan) return false;
    if (this.#form === undefined) return false;
    if (this.#attempt === "none") return this.#assigned.has(this.step);
    if (this.#attempt === "ready") return false;
    return this.#exchange.canSum || this.#exchange.isWhole;
  }

  /** Sends its peers what it has computed. */
  speak(): void {
    this.isMute = false;
    this.#exchange.contribute();
  }

  work(): void {
    const form = defined(this.#form, "a fleet");
    const { generation } = form;
    const { step } = this;
    if (this.#attempt === "none") {
      const { ranges, keep } = defined(this.#assigned.get(step), "an assignment");
      const index = form.members.findIndex(({ workerId }) => workerId === this.id);
      const range = defined(ranges[index], "a range");
      this.#numLeaves = range.hi - range.lo;
      // Whole ranges alone: a part of one may be no node of the tree.
      const { lo, hi } = (keep === true ? this.#kept : undefined) ?? { lo: 0, hi: 0 };
      const isWithin = range.lo <= lo && hi <= range.hi;
      this.numComputed += this.#numLeaves - (isWithin ? hi - lo : 0);
      this.#kept = range;
      const memberIds = form.members.map(({ workerId }) => workerId);
      this.#exchange.begin({ generation, step }, memberIds);
      if (!this.isMute) this.speak();
      this.#attempt = "exchanging";
      this.#sumGeneration = undefined;
      this.outbox.push({ type: "computed", generation, step });
    } else {
      if (this.#exchange.canSum) this.#exchange.sum();
      if (!this.#exchange.isWhole) return;
      this.#attempt = "ready";
      const lossSum = this.badSteps.has(step) ? Number.NaN : lossOf(this.parameters, step);
      const { audit = [] } = defined(this.#assigned.get(step), "an assignment");
      const audited = audit.map((leaf) => ({ leaf, digest: this.#digestOf(leaf) }));
      const times = { computeMs: this.leafMs * this.#numLeaves, exchangeMs: 1 };
      const found = audited.length === 0 ? times : { ...times, audited };
      this.outbox.push({ type: "ready", generation, step, lossSum, gradientNorm: 1, ...found });
    }
  }

  #digestOf(leaf: number): string {
    const digest = String(hash32(this.parameters, [this.step, leaf]));
    if (this.numWrong === 0) return digest;
    this.numWrong -= 1;
    return `${digest}, but for worker ${this.id}`;
  }

  /** Having lost the coordinator, lets go of its peers before it calls again. */
  letGo(): void {
    this.hasLetGo = true;
    this.#exchange.abort();
    this.mesh.close();
  }

  /** Gives up the fleet that it was in, and says what it keeps. */
  loseCoordinator(runId: string): Held | undefined {
    if (this.#attempt === "ready") this.#sumGeneration = this.#form?.generation;
    this.#form = undefined;
    this.#assigned = new Map();
    this.#attempt = "none";
    this.#exchange.beginAgain();
    this.isOrphan = false;
    this.hasLetGo = false;
    this.#kept = undefined;
    if (!this.#hasState) return undefined;
    const sum = this.#sumGeneration === undefined ? {} : { sumGeneration: this.#sumGeneration };
    return { runId, step: this.step, digest: String(this.parameters), ...sum };
  }

  /** Takes the next delivery. */
  receive(): void {
    const delivery = defined(this.inbox.shift(), "a delivery");
    switch (delivery.type) {
      case "welcome":
        if (delivery.keep) this.#prepare(this.step, this.parameters);
        else if (!delivery.restore) this.#prepare(delivery.step, SEED_PARAMETERS);
        return;
      case "late-commit":
        assert(
          this.#sumGeneration !== undefined && delivery.step === this.step,
          "no sum to catch up with",
        );
        this.#update();
        this.#prepare(this.step, this.parameters);
        return;
      case "state":
        this.#prepare(delivery.step, delivery.parameters);
        return;
      case "replay":
        assert(this.#form === undefined, `member ${this.id} was told to catch up`);
        assert(delivery.step === this.step, `the sum of ${delivery.step} came at ${this.step}`);
        this.#update();
        this.#sayDigest();
        return;
      case "star-sum":
        this.#star?.take(delivery);
        return;
      case "form":
        this.#onForm(delivery);
        return;
      case "assign":
        if (delivery.generation === this.#form?.generation) {
          this.#assigned.set(delivery.step, delivery);
        }
        return;
      case "commit":
        this.#onCommit(delivery);
        return;
      case "evaluate": {
        const { evaluationId, batchIndex } = delivery;
        const lossSum = lossOf(this.parameters, -1 - batchIndex);
        this.outbox.push({ type: "evaluated", evaluationId, batchIndex, lossSum });
        return;
      }
      case "report-waits": {
        const { generation, step } = delivery;
        const missing = this.#exchange.missingAt({ generation, step });
        const waits = missing.map((peerId) => ({ peerId, what: "to send its partials" }));
        this.outbox.push({ type: "waiting", generation, step, waits });
        return;
      }
      case "send-snapshot":
        assert(delivery.step === this.step, "a snapshot of another step was asked for");
        this.outbox.push({ type: "snapshot", step: this.step, parameters: this.parameters });
        return;
      case "finish":
      case "reject":
        this.isGone = true;
        return;
    }
  }

  #prepare(step: number, parameters: number): void {
    assert(this.#form === undefined, `member ${this.id} was given another state`);
    const isSame = step === this.step && parameters === this.parameters;
    if (!isSame) this.#sumGeneration = undefined;
    this.step = step;
    this.parameters = parameters;
    this.#hasState = true;
    const engine = {
      ...{ engine: "tfjs", device: "cpu", runtime: "simulated", numThreads: 1 },
      processor: "x64 simulated",
    };
    const layout: Prepared["layout"] = [{ name: "embed.weight", shape: [2, 2] }];
    this.outbox.push({ type: "prepared", step, digest: String(parameters), layout, ...engine });
  }

  #onForm(form: Form): void {
    assert(
      form.step === this.step,
      `formed at step ${form.step}, worker ${this.id} at ${this.step}`,
    );
    assert(form.generation > (this.#form?.generation ?? 0), "generations only grow");
    this.#form = form;
    this.#assigned = new Map();
    this.#attempt = "none";
    this.#exchange.abort();
    if (this.#star === undefined) this.mesh.link(form);
    else this.#say({ type: "linked", generation: form.generation });
  }

  /** Says something by itself: nobody hears one that has lost its coordinator. */
  #say(saying: Saying): void {
    if (!this.isOrphan) this.outbox.push(saying);
  }

  #sayDigest(): void {
    this.outbox.push({ type: "digest", step: this.step, digest: String(this.parameters) });
  }

  #onCommit({ generation, step, digest, sum, skip }: Commit): void {
    assert(this.#attempt === "ready", `worker ${this.id} was not ready for the commit of ${step}`);
    assert(
      step === this.step && generation === this.#form?.generation,
      "a commit of another moment",
    );
    assert(skip === this.badSteps.has(step), `step ${step} ${skip ? "was skipped" : "counted"}`);
    if (sum) this.outbox.push({ type: "sum", step });
    this.#update();
    if (digest) this.#sayDigest();
  }

  #update(): void {
    if (!this.badSteps.has(this.step)) this.parameters = updated(this.parameters, this.step);
    this.updates.push(this.step);
    this.step += 1;
    this.#kept = undefined;
    this.#attempt = "none";
    this.#sumGeneration = undefined;
  }
}
