import type { Span } from "../base/span-ring.ts";
import type { Profile } from "./summarize-profile.ts";

/** One line of a trace: a name of a process or thread (M), or something that took time (X). */
export interface TraceEvent {
  readonly name: string;
  readonly ph: "M" | "X";
  readonly pid: number;
  readonly tid: number;
  /** Microseconds. */
  readonly ts: number;
  readonly dur?: number;
  readonly args?: Readonly<Record<string, string | number>>;
}

/**
 * A profile in Chrome's trace event format, for Perfetto and chrome://tracing.
 *
 * The clock is the machine's, so the events of several workers of one machine may be put together.
 */
export function chromeTrace(profile: Profile): { readonly traceEvents: readonly TraceEvent[] } {
  const { workerId: pid, compute, communication } = profile;
  // A hand-off may begin while the thread is busy: on a track of its own, spans stay nested.
  const handOffs = communication.filter(({ name }) => name === "hand-off");
  const others = communication.filter(({ name }) => name !== "hand-off");
  const tracks = [
    { title: "compute thread", spans: compute },
    { title: "communication thread", spans: others },
    { title: "hand-offs to the communication thread", spans: handOffs },
  ];
  return {
    traceEvents: [
      { ...{ name: "process_name", ph: "M", pid, tid: 0, ts: 0 }, args: { name: `worker ${pid}` } },
      ...tracks.flatMap(({ title, spans }, tid): readonly TraceEvent[] => [
        { ...{ name: "thread_name", ph: "M", pid, tid, ts: 0 }, args: { name: title } },
        ...spans.map((span) => eventOf(span, { pid, tid })),
      ]),
    ],
  };
}

function eventOf(span: Span, place: { readonly pid: number; readonly tid: number }): TraceEvent {
  const { name, startMs, endMs, detail } = span;
  const event: TraceEvent = {
    ...{ name, ph: "X", ...place },
    ts: startMs * 1000,
    dur: (endMs - startMs) * 1000,
  };
  const key = DETAILS[name];
  return key === undefined ? event : { ...event, args: { [key]: detail } };
}

/** What a span's number is. */
const DETAILS: Readonly<Partial<Record<Span["name"], string>>> = {
  step: "step",
  exchange: "step",
  leaf: "leaf",
  "tree fold": "leaf",
  "wait for peer": "peer",
  "take frame": "peer",
};
