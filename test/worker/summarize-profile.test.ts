import { describe, expect, test } from "vitest";
import type { SpanName } from "../../src/base/profiler.ts";
import type { Span } from "../../src/base/span-ring.ts";
import { chromeTrace } from "../../src/worker/chrome-trace.ts";
import { formatProfile } from "../../src/worker/format-profile.ts";
import { type Profile, summarizeProfile } from "../../src/worker/summarize-profile.ts";

function span(name: SpanName, startMs: number, endMs: number, detail = -1): Span {
  return { name, startMs, endMs, detail };
}

/** A step of 100 ms from `t`: 70 in a native call, 20 waiting for the sum, 6 updating, 4 else. */
function computed(t: number, step: number): Span[] {
  return [
    span("native call", t + 1, t + 71),
    span("copies out", t + 71, t + 72),
    span("leaf", t, t + 72, 0),
    span("hand-off", t + 91, t + 92),
    span("wait for sum", t + 72, t + 92),
    span("optimizer", t + 93, t + 99),
    span("step", t, t + 100, step),
  ];
}

/** Half of the first wait for a peer lies beside computing. */
function talked(t: number, step: number): Span[] {
  return [
    span("wait for peer", t + 62, t + 82, 3),
    span("take frame", t + 82, t + 86, 3),
    span("exchange", t + 62, t + 91, step),
  ];
}

const PROFILE: Profile = {
  workerId: 2,
  // The first step, in which graphs are compiled, does not count.
  compute: [span("step", 0, 900, 0), ...computed(900, 1), ...computed(1000, 2)],
  communication: [...talked(900, 1), ...talked(1000, 2)],
};

describe("the summary of a profile", () => {
  const summary = summarizeProfile(PROFILE);

  test("counts every moment of the compute thread once", () => {
    expect(summary).toMatchObject({ numSteps: 2, medianStepMs: 100 });
    expect(summary.compute.map(({ name, medianMs }) => [name, medianMs])).toEqual([
      ["native call", 70],
      ["wait for sum", 19],
      ["optimizer", 6],
      // What no span covers.
      ["event loop", 2],
      ["rest of the leaf", 1],
      ["copies out", 1],
      ["hand-off", 1],
    ]);
    const shares = summary.compute.map(({ share }) => share);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
  });

  test("says for whom the communication thread waited and what overlapped with computing", () => {
    expect(
      summary.communication.map(({ name, medianMs, overlap }) => [name, medianMs, overlap]),
    ).toEqual([
      ["exchange", 29, 10 / 29],
      ["wait for worker 3", 20, 0.5],
      ["take frame", 4, 0],
    ]);
  });

  test("counts what is rare in the steps in which it occurs", () => {
    const compute = [...PROFILE.compute, span("digest", 1092.2, 1092.8)];
    const { compute: rows } = summarizeProfile({ ...PROFILE, compute });
    const digest = rows.find(({ name }) => name === "digest");
    expect(digest?.numSteps).toBe(1);
    expect(digest?.medianMs).toBeCloseTo(0.6, 6);
    expect(digest?.share).toBeCloseTo(0.003, 6);
  });

  test("is a table with a line for each thing", () => {
    const lines = formatProfile(2, summary).trimEnd().split("\n");
    expect(lines[0]).toBe(
      "Worker 2: 2 steps of 100.00 ms in the median, 70.00 % of their time in native calls",
    );
    expect(lines).toHaveLength(1 + 1 + 7 + 1 + 3);
    expect(lines[2]).toMatch(/^ {2}native call +2 +70\.000 +70\.00 %$/);
    expect(lines.at(-2)).toMatch(/^ {2}wait for worker 3 +2 +20\.000 +20\.00 % +50\.00 %$/);
  });

  test("of a worker that did no step says so", () => {
    const empty = summarizeProfile({ workerId: 0, compute: [], communication: [] });
    expect(formatProfile(0, empty)).toContain("no profile");
  });
});

test("a trace has every span in microseconds, and names for its tracks", () => {
  const { traceEvents } = chromeTrace(PROFILE);
  const spans = traceEvents.filter(({ ph }) => ph === "X");
  expect(spans).toHaveLength(PROFILE.compute.length + PROFILE.communication.length);
  expect(spans[1]).toEqual({
    ...{ name: "native call", ph: "X", pid: 2, tid: 0 },
    ...{ ts: 901_000, dur: 70_000 },
  });
  const names = traceEvents.filter(({ ph }) => ph === "M").map(({ args }) => args?.name);
  expect(names.slice(0, 3)).toEqual(["worker 2", "compute thread", "communication thread"]);
});
