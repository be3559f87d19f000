import { expect, test } from "vitest";
import { machineClock } from "../../src/base/clock.ts";
import { noProfiler } from "../../src/base/profiler.ts";
import { newSpanMemory, SpanRing } from "../../src/base/span-ring.ts";
import { FakeClock } from "../fake-clock.ts";

test("gives back spans in the order of their ends, also to another reader of its memory", () => {
  const clock = new FakeClock();
  const memory = newSpanMemory();
  const ring = new SpanRing(memory, clock);
  const outerMs = ring.now();
  clock.advance(1);
  const innerMs = ring.now();
  clock.advance(2);
  ring.end("native call", innerMs);
  clock.advance(3);
  ring.end("step", outerMs, 7);
  const start = outerMs;
  expect(new SpanRing(memory, clock).spans()).toEqual([
    { name: "native call", startMs: start + 1, endMs: start + 3, detail: -1 },
    { name: "step", startMs: start, endMs: start + 6, detail: 7 },
  ]);
});

test("keeps the newest spans in memory of fixed size", () => {
  const ring = new SpanRing(newSpanMemory(), new FakeClock());
  for (let step = 0; step < 70_000; step++) ring.end("step", 0, step);
  const spans = ring.spans();
  expect(spans).toHaveLength(65_536);
  expect([spans[0]?.detail, spans.at(-1)?.detail]).toEqual([70_000 - 65_536, 69_999]);
});

test("a profiler that is off keeps nothing and reads no clock", () => {
  expect(noProfiler.now()).toBe(0);
  expect(noProfiler.end("step", 0)).toBeUndefined();
});

test("the machine's clock goes forward", () => {
  const before = machineClock.nowMs();
  expect(machineClock.nowMs()).toBeGreaterThanOrEqual(before);
});
