/**
 * What a worker's time goes to, in the order of a report. Spans of one thread lie one inside another
 * or apart, but for `exchange`, which the thread leaves and comes back to.
 */
export const SPAN_NAMES = [
  "step",
  "wait for assignment",
  "begin",
  "leaf",
  "tokens in",
  "native call",
  "copies out",
  "embedding rows",
  "tree fold",
  "wait for sum",
  "audit",
  "hand-off",
  "norm",
  "wait for commit",
  "optimizer",
  "put parameters",
  "digest",
  "evaluation",
  "snapshot",
  "exchange",
  "add partial",
  "wait for peer",
  "take frame",
  "wait for sending",
] as const;

/** One of the things that time goes to. */
export type SpanName = (typeof SPAN_NAMES)[number];

/**
 * Where spans of time are reported to:
 *
 *     const startMs = profiler.now();
 *     work();
 *     profiler.end("norm", startMs);
 *
 * Nothing is allocated; with `noProfiler` the clock is not read either.
 */
export interface Profiler {
  readonly isOn: boolean;
  /** Milliseconds of a clock that all threads and processes of a machine share; 0 when off. */
  now(): number;
  /** A span ends now. `detail` is a number that tells spans of one name apart: a step, a peer. */
  end(name: SpanName, startMs: number, detail?: number): void;
}

/** Keeps nothing. */
export const noProfiler: Profiler = { isOn: false, now: () => 0, end: () => undefined };
