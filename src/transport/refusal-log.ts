import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";

/** Refusals that are told one by one in a period; the others are counted. */
const NUM_TOLD = 10;
const PERIOD_MS = 60_000;

/** Tells who was turned away, without letting callers fill the log. */
export class RefusalLog {
  readonly #log: Log;
  readonly #clock: Clock;
  #periodStartMs = Number.NEGATIVE_INFINITY;
  #numInPeriod = 0;

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** @param text for example "Turned 10.0.0.9:41234 away: 401 Unauthorized." */
  tell(text: string): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#periodStartMs >= PERIOD_MS) {
      const numUntold = this.#numInPeriod - NUM_TOLD;
      if (numUntold > 0) this.#log.warn(`Turned ${numUntold} more callers away in the meantime.`);
      this.#periodStartMs = nowMs;
      this.#numInPeriod = 0;
    }
    this.#numInPeriod++;
    if (this.#numInPeriod <= NUM_TOLD) this.#log.warn(text);
  }
}
