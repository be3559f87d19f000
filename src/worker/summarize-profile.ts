import { medianOf } from "../base/median.ts";
import type { SpanName } from "../base/profiler.ts";
import type { Span } from "../base/span-ring.ts";

/** What the threads of a worker did, and when. */
export interface Profile {
  readonly workerId: number;
  readonly compute: readonly Span[];
  readonly communication: readonly Span[];
}

/** Where the time of a run's steps went. */
export interface ProfileSummary {
  /** Steps that count: all that are kept but the first, in which graphs are compiled. */
  readonly numSteps: number;
  readonly medianStepMs: number;
  /** By the most time; together they are the whole of the steps. */
  readonly compute: readonly ProfileRow[];
  /** Beside the compute thread. */
  readonly communication: readonly ProfileRow[];
}

/** One thing that time went to. */
export interface ProfileRow {
  readonly name: string;
  /** Steps in which it occurs. */
  readonly numSteps: number;
  /** Of those steps: what it took in one, less what took place within it. */
  readonly medianMs: number;
  /** Part of the time of all steps, from 0 to 1. */
  readonly share: number;
  /** Part of it during which the compute thread had work, from 0 to 1; always 1 for that thread's own. */
  readonly overlap: number;
}

/** The name of what no span of the compute thread covers: its event loop and its decisions. */
export const REST = "event loop";

/** Says where the time of the steps went. Pure. */
export function summarizeProfile({ compute, communication }: Profile): ProfileSummary {
  const all = compute.filter(({ name }) => name === "step");
  const steps = all.length > 1 ? all.slice(1) : all;
  const rowsOf = (spans: readonly TimedSpan[]) => rows(spans, steps);
  const waits = compute.filter(({ name }) => isWait(name));
  return {
    numSteps: steps.length,
    medianStepMs: medianOf(steps.map(durationOf)) ?? 0,
    compute: rowsOf(ownTimes(compute).map((timed) => ({ ...timed, overlapMs: timed.ms }))),
    communication: rowsOf(
      communication.map((span) => {
        const ms = durationOf(span);
        return { span, ms, overlapMs: ms - coveredMs(span, waits) };
      }),
    ),
  };
}

interface TimedSpan {
  readonly span: Span;
  readonly ms: number;
  readonly overlapMs: number;
}

/** Each span's time without that of the spans within it. */
function ownTimes(spans: readonly Span[]): readonly { readonly span: Span; readonly ms: number }[] {
  const byStart = spans.toSorted((a, b) => a.startMs - b.startMs || b.endMs - a.endMs);
  const open: { readonly span: Span; ms: number }[] = [];
  return byStart.map((span) => {
    while ((open.at(-1)?.span.endMs ?? Number.POSITIVE_INFINITY) <= span.startMs) open.pop();
    const around = open.at(-1);
    const timed = { span, ms: durationOf(span) };
    if (around !== undefined) around.ms -= timed.ms;
    open.push(timed);
    return timed;
  });
}

function rows(spans: readonly TimedSpan[], steps: readonly Span[]): readonly ProfileRow[] {
  const byName = new Map<string, Map<number, { ms: number; overlapMs: number }>>();
  for (const { span, ms, overlapMs } of spans) {
    const stepIndex = indexAt(steps, span.startMs);
    if (stepIndex === undefined) continue;
    const name = labelOf(span);
    const totals = byName.get(name) ?? new Map<number, { ms: number; overlapMs: number }>();
    byName.set(name, totals);
    const total = totals.get(stepIndex) ?? { ms: 0, overlapMs: 0 };
    totals.set(stepIndex, { ms: total.ms + ms, overlapMs: total.overlapMs + overlapMs });
  }
  const allMs = sum(steps.map(durationOf));
  return [...byName]
    .map(([name, totals]) => {
      const times = [...totals.values()];
      const ms = sum(times.map((time) => time.ms));
      return {
        name,
        numSteps: times.length,
        medianMs: medianOf(times.map((time) => time.ms)) ?? 0,
        share: allMs === 0 ? 0 : ms / allMs,
        overlap: ms === 0 ? 0 : sum(times.map((time) => time.overlapMs)) / ms,
      };
    })
    .sort((a, b) => b.share - a.share);
}

function labelOf({ name, detail }: Span): string {
  if (name === "step") return REST;
  if (name === "wait for peer")
    return detail < 0 ? "wait for coordinator" : `wait for worker ${detail}`;
  return name === "leaf" ? "rest of the leaf" : name;
}

function isWait(name: SpanName): boolean {
  return name === "wait for assignment" || name === "wait for sum" || name === "wait for commit";
}

/** Index of the step in which a moment lies; steps are in order. */
function indexAt(steps: readonly Span[], ms: number): number | undefined {
  const index = firstEndingAfter(steps, ms);
  return (steps[index]?.startMs ?? Number.POSITIVE_INFINITY) <= ms ? index : undefined;
}

/** How much of a span lies in others, which are in order and apart. */
function coveredMs(span: Span, others: readonly Span[]): number {
  let ms = 0;
  const first = firstEndingAfter(others, span.startMs);
  for (let i = first; i < others.length; i++) {
    const other = others[i];
    if (other === undefined || other.startMs >= span.endMs) break;
    ms += Math.min(span.endMs, other.endMs) - Math.max(span.startMs, other.startMs);
  }
  return ms;
}

function firstEndingAfter(spans: readonly Span[], ms: number): number {
  let [low, high] = [0, spans.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((spans[middle]?.endMs ?? 0) <= ms) low = middle + 1;
    else high = middle;
  }
  return low;
}

function durationOf({ startMs, endMs }: Span): number {
  return endMs - startMs;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
