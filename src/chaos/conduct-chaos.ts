import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { ChaosFleet } from "./chaos-fleet.ts";
import { type ChaosPlan, type Fault, faultInWords } from "./chaos-plan.ts";
import { FaultLog, type FaultRecord } from "./fault-log.ts";
import type { ProcessEnd } from "./kept-process.ts";
import { randomFaults } from "./random-faults.ts";
import type { RunWatch } from "./run-watch.ts";

/** What is conducted. */
export interface ChaosRequest {
  readonly plan: ChaosPlan;
  /** Started already. */
  readonly fleet: ChaosFleet;
  readonly watch: RunWatch;
  readonly numWorkers: number;
  readonly steps: number;
  readonly hasPeerLinks: boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly stopSignal: AbortSignal;
  onProgress(step: number, numFaults: number): void;
}

/** What happened to the run until its coordinator ended by itself. */
export interface ChaosOutcome {
  readonly end: ProcessEnd;
  readonly faults: readonly FaultRecord[];
  /** From the first committed step to the last. */
  readonly trainedMs: number;
  /** Mean number of workers that ran and were not frozen, over the same time. */
  readonly meanWorkersAlive: number;
  /** Of `trainedMs`, the time in which no coordinator ran: dead until its next start, or frozen. */
  readonly coordinatorDownMs: number;
}

/** Between two looks at the run. */
const LOOK_MS = 20;

/** Does the plan's faults to a running fleet, each at its step or time, until the run has ended. */
export async function conductChaos(request: ChaosRequest): Promise<ChaosOutcome> {
  const conductor = new Conductor(request);
  request.stopSignal.addEventListener("abort", () => request.fleet.interrupt());
  let end: ProcessEnd | undefined;
  void request.fleet.ended.then((how) => {
    end = how;
  });
  for (;;) {
    await conductor.look();
    if (end !== undefined) return { end, ...conductor.outcome() };
    await new Promise<void>((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

class Conductor {
  readonly #request: ChaosRequest;
  readonly #log: FaultLog;
  readonly #startMs: number;
  readonly #random: ReturnType<typeof randomFaults> | undefined;
  #numScheduled = 0;
  /** Faults by chance begin with the first step. */
  #nextRandom: { readonly atMs: number; readonly fault: Fault } | undefined;
  #firstMs: number | undefined;
  #lastMs = 0;
  #aliveMs = 0;
  #downMs = 0;

  constructor(request: ChaosRequest) {
    const { plan, numWorkers, hasPeerLinks, steps, clock } = request;
    const { seed, randomPerMinute: perMinute } = plan;
    this.#request = request;
    this.#log = new FaultLog(steps);
    this.#startMs = clock.nowMs();
    this.#random =
      perMinute > 0 ? randomFaults({ seed, perMinute, numWorkers, hasPeerLinks }) : undefined;
  }

  async look(): Promise<void> {
    const { watch, onProgress, stopSignal, fleet } = this.#request;
    const nowMs = this.#nowMs();
    if (this.#firstMs !== undefined) {
      this.#aliveMs += fleet.workersAlive * (nowMs - this.#lastMs);
      if (!fleet.isCoordinatorAlive) this.#downMs += nowMs - this.#lastMs;
    }
    this.#lastMs = nowMs;
    this.#readCommits(nowMs);
    onProgress(watch.step, this.#log.records.length);
    if (stopSignal.aborted) return;
    for (const fault of this.#due(nowMs)) await this.#inflict(fault);
  }

  outcome(): Omit<ChaosOutcome, "end"> {
    const trainedMs = this.#lastMs - (this.#firstMs ?? this.#lastMs);
    const meanWorkersAlive = trainedMs === 0 ? 0 : this.#aliveMs / trainedMs;
    const coordinatorDownMs = this.#downMs;
    return { faults: this.#log.records, trainedMs, meanWorkersAlive, coordinatorDownMs };
  }

  #nowMs(): number {
    return this.#request.clock.nowMs() - this.#startMs;
  }

  #readCommits(nowMs: number): void {
    const commits = this.#request.watch.poll();
    if (commits.length > 0) this.#firstMs ??= nowMs;
    for (const commit of commits) this.#log.commit(commit, nowMs);
  }

  #due(nowMs: number): readonly Fault[] {
    const { plan, watch, steps } = this.#request;
    const due: Fault[] = [];
    for (;;) {
      const next = plan.scheduled[this.#numScheduled];
      if (next === undefined || next.atStep > watch.step) break;
      due.push(next.fault);
      this.#numScheduled += 1;
    }
    if (this.#random === undefined || this.#firstMs === undefined || watch.step >= steps)
      return due;
    this.#nextRandom ??= this.#draw(nowMs);
    while (this.#nextRandom.atMs <= nowMs) {
      due.push(this.#nextRandom.fault);
      this.#nextRandom = this.#draw(this.#nextRandom.atMs);
    }
    return due;
  }

  #draw(sinceMs: number): { readonly atMs: number; readonly fault: Fault } {
    const drawn = this.#random?.next().value;
    return drawn === undefined
      ? { atMs: Number.POSITIVE_INFINITY, fault: { kind: "kill", victim: 0 } }
      : { atMs: sinceMs + drawn.afterMs, fault: drawn.fault };
  }

  async #inflict(fault: Fault): Promise<void> {
    const { fleet, log, watch } = this.#request;
    const isDone = await fleet.inflict(fault);
    // Steps that were committed while the blow fell are not among those that it delayed.
    const nowMs = this.#nowMs();
    this.#readCommits(nowMs);
    const words = `step ${watch.step}: ${faultInWords(fault)}`;
    if (isDone) this.#log.note(fault, watch.step, nowMs);
    log.info(
      isDone ? `Chaos, ${words}.` : `Chaos, ${words}: there is nothing to do it to just now.`,
    );
  }
}
