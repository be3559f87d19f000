import { medianOf } from "../base/median.ts";
import { type Fault, faultInWords } from "./chaos-plan.ts";
import type { WatchedCommit } from "./run-watch.ts";

/** A fault that was done, and what became of it. */
export interface FaultRecord {
  readonly kind: string;
  /** "kill worker 2". */
  readonly what: string;
  /** Steps committed when it happened. */
  readonly atStep: number;
  /** Since the run began. */
  readonly atMs: number;
  /**
   * How much longer than usual the two steps after it took together: the step under way may have been
   * past all danger, the next one was not. Undefined: the run ended before.
   */
  readonly recoveryMs: number | undefined;
  /** Whether another fault came before it had recovered: the time is that of both. */
  readonly isOverlapped: boolean;
}

interface OpenFault {
  readonly fault: Fault;
  readonly atStep: number;
  readonly atMs: number;
  readonly usualMs: number;
  recoveryMs: number | undefined;
  isOverlapped: boolean;
}

/** Steps whose median time is the usual one. */
const NUM_RECENT = 50;
/** Steps after a fault that are waited for. */
const NUM_AWAITED = 2;

/** Measures how long a run takes to get over each fault. */
export class FaultLog {
  readonly #steps: number;
  readonly #faults: OpenFault[] = [];
  #recentMs: number[] = [];

  /** @param steps of the whole run. */
  constructor(steps: number) {
    this.#steps = steps;
  }

  get isRecovering(): boolean {
    return this.#faults.some(({ recoveryMs }) => recoveryMs === undefined);
  }

  note(fault: Fault, atStep: number, atMs: number): void {
    for (const open of this.#faults) {
      if (open.recoveryMs === undefined) open.isOverlapped = true;
    }
    const isOverlapped = this.isRecovering;
    const usualMs = (medianOf(this.#recentMs) ?? 0) * Math.min(NUM_AWAITED, this.#steps - atStep);
    this.#faults.push({ fault, atStep, atMs, usualMs, recoveryMs: undefined, isOverlapped });
  }

  commit({ step, stepMs }: WatchedCommit, atMs: number): void {
    for (const open of this.#faults) {
      if (open.recoveryMs !== undefined) continue;
      if (step < Math.min(open.atStep + NUM_AWAITED, this.#steps)) continue;
      open.recoveryMs = Math.max(0, atMs - open.atMs - open.usualMs);
    }
    // A step that a fault made long is not a usual one.
    if (!this.isRecovering) this.#recentMs = [...this.#recentMs.slice(1 - NUM_RECENT), stepMs];
  }

  get records(): readonly FaultRecord[] {
    return this.#faults.map(({ fault, atStep, atMs, recoveryMs, isOverlapped }) => ({
      ...{ kind: kindOf(fault), what: faultInWords(fault), atStep, atMs: Math.round(atMs) },
      ...{ recoveryMs: recoveryMs && Math.round(recoveryMs), isOverlapped },
    }));
  }
}

/** "kill coordinator" is told apart from "kill": it is another promise. */
function kindOf(fault: Fault): string {
  return fault.victim === "coordinator" ? `${fault.kind} coordinator` : fault.kind;
}
