import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readFormerRun } from "../../src/coordinator/read-former-run.ts";

let run: string;

beforeEach(() => {
  run = mkdtempSync(join(tmpdir(), "smallinit-former-"));
});
afterEach(() => rmSync(run, { recursive: true, force: true }));

/** Writes the run's files as a killed coordinator may leave them: the last line of each half written. */
function leave(metrics: readonly object[], events: readonly object[]): void {
  const text = (lines: readonly object[]) =>
    `${lines.map((line) => `${JSON.stringify(line)}\n`).join("")}{"type":"commi`;
  writeFileSync(join(run, "metrics.jsonl"), text(metrics));
  writeFileSync(join(run, "events.jsonl"), text(events));
}

const LEAVES = [
  { workerId: 0, lo: 0, hi: 3 },
  { workerId: 2, lo: 3, hi: 5 },
];
const BEGINNING = [
  { type: "start", step: 0 },
  ...[0, 1, 2].map((workerId) => ({ type: "joined", workerId })),
  { type: "generation", generation: 1, members: [0, 1, 2] },
  { type: "lost", workerId: 1 },
  { type: "generation", generation: 2, members: [0, 2] },
];
const rows = (to: number) => Array.from({ length: to }, (_, i) => ({ step: i + 1, loss: 3 - i }));

test("a new run has nothing behind it", () => {
  expect(readFormerRun(run)).toMatchObject({
    ...{
      numStarts: 0,
      numWorkerRestarts: 0,
      hasEnded: false,
      step: 0,
      generation: 0,
      nextWorkerId: 0,
      memberIds: [],
    },
    missing: [],
  });
});

test("a killed run tells its last row, its fleet and the commits that it had not recorded", () => {
  const opened = { type: "leaves", from: 1, generation: 2, leaves: LEAVES };
  leave([...rows(4), { step: 4, validationLoss: 2.5 }], [...BEGINNING, opened]);
  expect(readFormerRun(run)).toEqual({
    ...{ numStarts: 1, numWorkerRestarts: 0, hasEnded: false, step: 4, trainLoss: 0 },
    committedIn: 2,
    ...{ validationLoss: 2.5, evaluatedStep: 4, generation: 2, nextWorkerId: 3 },
    ...{ voidThrough: 0, memberIds: [0, 2] },
    missing: [{ type: "commits", from: 1, to: 4, generation: 2, leaves: LEAVES }],
  });
});

test("the furthest step that was gone back from is void, and those before it", () => {
  const rewinds = [9, 7].map((from) => ({ type: "rewind", step: 2, from }));
  leave(rows(2), [...BEGINNING, ...rewinds]);
  expect(readFormerRun(run).voidThrough).toBe(9);
});

test("a range of leaves that has its commits line is not recorded again", () => {
  const opened = { type: "leaves", from: 1, generation: 2, leaves: LEAVES };
  leave(rows(4), [...BEGINNING, opened, { ...opened, type: "commits", to: 4 }]);
  expect(readFormerRun(run).missing).toEqual([]);
});

test("the generation of the newest step is that of the last line about commits, where it reaches", () => {
  const opened = { type: "leaves", from: 2, generation: 5, leaves: LEAVES };
  const commits = { ...opened, type: "commits", to: 4 };
  leave(rows(4), [...BEGINNING, opened]);
  expect(readFormerRun(run).committedIn).toBe(5);
  leave(rows(4), [...BEGINNING, opened, commits, { type: "generation", generation: 6 }]);
  expect(readFormerRun(run).committedIn).toBe(5);
  leave(rows(2), [...BEGINNING, opened]);
  expect(readFormerRun(run).committedIn).toBeUndefined();
  leave(rows(5), [...BEGINNING, opened, commits]);
  expect(readFormerRun(run).committedIn).toBeUndefined();
});

test("a rewind that was not recorded is, when the rows end before the commits", () => {
  leave(rows(2), [
    ...BEGINNING,
    { type: "commits", from: 0, to: 4, generation: 2, leaves: LEAVES },
  ]);
  expect(readFormerRun(run).missing).toEqual([{ type: "rewind", step: 2, from: 4 }]);
});

test("rows whose leaves a power cut has taken from the events are named as a gap", () => {
  leave(rows(4), BEGINNING);
  expect(readFormerRun(run).missing).toEqual([{ type: "journal-gap", from: 0, to: 4 }]);
});

test("the steps of a gap count without their rows, until the run goes back from them", () => {
  const gap = { type: "journal-gap", from: 1, to: 5 };
  const opened = { type: "leaves", from: 5, generation: 2, leaves: LEAVES };
  leave(rows(1), [...BEGINNING, gap, opened]);
  expect(readFormerRun(run)).toMatchObject({ step: 5, missing: [] });
  leave(rows(1), [...BEGINNING, gap, opened, { ...opened, type: "commits", to: 7 }]);
  expect(readFormerRun(run).missing).toEqual([{ type: "rewind", step: 5, from: 7 }]);
  leave(rows(1), [...BEGINNING, gap, { type: "rewind", step: 1, from: 5 }]);
  expect(readFormerRun(run)).toMatchObject({ step: 1, missing: [] });
});

test("a range of leaves that was opened before its first row has no commit", () => {
  leave(rows(4), [...BEGINNING, { type: "leaves", from: 4, generation: 2, leaves: LEAVES }]);
  expect(readFormerRun(run).missing).toEqual([]);
});

test("a run that has ended says so, until it is started again", () => {
  leave(rows(1), [...BEGINNING, { type: "end", step: 1 }]);
  expect(readFormerRun(run).hasEnded).toBe(true);
  leave(rows(1), [...BEGINNING, { type: "end", step: 1 }, { type: "start", step: 1 }]);
  expect(readFormerRun(run)).toMatchObject({ hasEnded: false, numStarts: 2 });
});

test("who was lost after the last fleet was formed is not one of its members any more", () => {
  leave([], [...BEGINNING, { type: "lost", workerId: 0 }]);
  expect(readFormerRun(run).memberIds).toEqual([2]);
});
