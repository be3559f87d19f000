import type { Clock } from "./clock.ts";
import { type Profiler, SPAN_NAMES, type SpanName } from "./profiler.ts";

/** Something that took time. */
export interface Span {
  readonly name: SpanName;
  readonly startMs: number;
  readonly endMs: number;
  /** A step or a peer; -1: none. */
  readonly detail: number;
}

/** Spans that a ring holds: at the thirty or so of a step, the newest two thousand steps. */
const CAPACITY = 2 ** 16;
/** Start, end, name and detail. */
const SPAN_NUMBERS = 4;

/** Memory for a ring, to be handed to the thread that writes it. */
export function newSpanMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer((1 + CAPACITY * SPAN_NUMBERS) * Float64Array.BYTES_PER_ELEMENT);
}

/**
 * Keeps the newest spans of one thread in memory of fixed size. One thread writes; another may read
 * when the writer has ended or waits.
 */
export class SpanRing implements Profiler {
  readonly isOn = true;
  readonly #clock: Clock;
  /** The number of spans ever written, then the spans. */
  readonly #numbers: Float64Array;

  constructor(memory: SharedArrayBuffer, clock: Clock) {
    this.#numbers = new Float64Array(memory);
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.nowMs();
  }

  end(name: SpanName, startMs: number, detail = -1): void {
    const numbers = this.#numbers;
    const count = numbers[0] as number;
    const at = 1 + (count % CAPACITY) * SPAN_NUMBERS;
    const endMs = this.#clock.nowMs();
    // Another thread's start may lie some nanoseconds ahead.
    numbers[at] = Math.min(startMs, endMs);
    numbers[at + 1] = endMs;
    numbers[at + 2] = SPAN_NAMES.indexOf(name);
    numbers[at + 3] = detail;
    numbers[0] = count + 1;
  }

  /** All spans that are kept, in the order of their ends. */
  spans(): readonly Span[] {
    const count = this.#numbers[0] as number;
    const first = Math.max(0, count - CAPACITY);
    return Array.from({ length: count - first }, (_, i) => this.#span(first + i));
  }

  #span(index: number): Span {
    const at = 1 + (index % CAPACITY) * SPAN_NUMBERS;
    const [startMs = 0, endMs = 0, name = 0, detail = 0] = this.#numbers.subarray(at, at + 4);
    return { name: SPAN_NAMES[name] ?? "step", startMs, endMs, detail };
  }
}
