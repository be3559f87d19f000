import type { Clock } from "../src/base/clock.ts";

/** A clock that stands until it is told to go on. */
export class FakeClock implements Clock {
  #nowMs = 0;
  #timers: { readonly dueMs: number; readonly action: () => void }[] = [];

  /** Timers that have not gone off or been called off. */
  get numTimers(): number {
    return this.#timers.length;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void): () => void {
    const timer = { dueMs: this.#nowMs + delayMs, action };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  }

  /** Lets time pass without a timer going off, as when the process was stopped or busy. */
  sleep(byMs: number): void {
    this.#nowMs += byMs;
  }

  /** Lets time pass: timers that fall due go off in the order of their times. */
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs;
    for (;;) {
      const due = this.#timers.filter(({ dueMs }) => dueMs <= endMs);
      const [next] = due.sort((a, b) => a.dueMs - b.dueMs);
      if (next === undefined) break;
      this.#timers = this.#timers.filter((each) => each !== next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.action();
    }
    this.#nowMs = endMs;
  }
}
