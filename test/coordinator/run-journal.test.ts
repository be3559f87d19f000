import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Log } from "../../src/base/log.ts";
import { PRESETS } from "../../src/configuration/presets.ts";
import { resolveConfiguration } from "../../src/configuration/resolve-configuration.ts";
import { readLines } from "../../src/coordinator/line-file.ts";
import { readFormerRun } from "../../src/coordinator/read-former-run.ts";
import { RunJournal } from "../../src/coordinator/run-journal.ts";
import { CappedDisk } from "./capped-disk.ts";

const configuration = resolveConfiguration({ ...PRESETS.tiny, vocabSize: 24 });
const LEAVES = [{ workerId: 0, lo: 0, hi: 4 }];
let run: string;
let said: string[];

beforeEach(() => {
  run = mkdtempSync(join(tmpdir(), "smallinit-journal-"));
  said = [];
});
afterEach(() => rmSync(run, { recursive: true, force: true }));

function open(disk: CappedDisk, waitingBytesMax?: number): RunJournal {
  const log: Log = { info: (text) => said.push(text), warn: (text) => said.push(text) };
  const former = readFormerRun(run);
  return RunJournal.open({
    ...{ runFolder: run, configuration, former, formerWallMs: 0, log, layer: disk },
    ...(waitingBytesMax === undefined ? {} : { waitingBytesMax }),
    elapsedMs: () => 0,
  });
}

/** Commits the steps [from, to) as the machine does: whose the leaves are, a row a step, the commits. */
function commit(journal: RunJournal, from: number, to: number): void {
  journal.record({ type: "leaves", from, generation: 1, leaves: LEAVES });
  for (let step = from + 1; step <= to; step++) journal.metrics(rowOf(step));
  journal.record({ type: "commits", from, to, generation: 1, leaves: LEAVES });
}

const rowOf = (step: number) => ({
  ...{ step, loss: 1, gradientNorm: 1, tokens: 8, stepMs: 1, tokensPerSecond: 8 },
  ...{ workers: 1, computeMs: 1, exchangeMs: 1 },
});

const steps = () => readLines(join(run, "metrics.jsonl")).map(({ step }) => step);
const events = () =>
  readLines(join(run, "events.jsonl")).map(({ type, from, to, step }) => [
    type,
    ...[from, to, step].filter((value) => value !== undefined),
  ]);
const textOf = (name: string) => readFileSync(join(run, name), "utf8");

test("a disk that is full for a while costs no line and no order, and is told of twice", async () => {
  const disk = new CappedDisk(1000);
  const journal = open(disk);
  commit(journal, 0, 20);
  expect(steps().length).toBeLessThan(20);
  await journal.sync();
  disk.room = 1e6;
  await journal.sync();
  commit(journal, 20, 22);
  await journal.close();
  expect(steps()).toEqual(Array.from({ length: 22 }, (_, i) => i + 1));
  expect(events()).toEqual([
    ["start", 0],
    ["leaves", 0],
    ["commits", 0, 20],
    ["leaves", 20],
    ["commits", 20, 22],
  ]);
  expect(said).toEqual([
    expect.stringMatching(
      /ENOSPC.*free some space.*The run goes on: its lines wait in memory, up to 16 MiB/,
    ),
    expect.stringMatching(/^There is room again: \d+ line\(s\) that waited are written\.$/),
  ]);
});

test("what waits is written by the next line, too, once there is room", () => {
  const disk = new CappedDisk(1000);
  const journal = open(disk);
  commit(journal, 0, 20);
  disk.room = 1e6;
  journal.record({ type: "joined", workerId: 1 });
  expect(steps().length).toBe(20);
  expect(events().slice(-2)).toEqual([["commits", 0, 20], ["joined"]]);
});

test("a coordinator that is killed while lines wait leaves the files of a former moment", () => {
  // Wherever the room ends, in the middle of whichever line of whichever file.
  for (let room = 100; room < 3000; room += 97) {
    const disk = new CappedDisk(room);
    const journal = open(disk);
    commit(journal, 0, 3);
    commit(journal, 3, 9);
    for (const name of ["metrics.jsonl", "events.jsonl"]) expect(textOf(name)).toMatch(/(^|\n)$/);
    const { step, missing } = readFormerRun(run);
    const told = events().flatMap(([type, , to]) => (type === "commits" ? [to] : []));
    expect([...told, ...missing.map(({ to }) => to)].at(-1) ?? 0).toBe(step);
    for (const { type } of missing) expect(type).toBe("commits");
    rmSync(join(run, "metrics.jsonl"));
    rmSync(join(run, "events.jsonl"));
  }
});

test("going back drops rows that wait as well, and no others", async () => {
  const disk = new CappedDisk(1000);
  const journal = open(disk);
  commit(journal, 0, 20);
  const numWritten = steps().length;
  journal.rewind({ step: numWritten + 2, evaluatedStep: -1 });
  disk.room = 1e6;
  await journal.sync();
  expect(steps()).toEqual(Array.from({ length: numWritten + 2 }, (_, i) => i + 1));
  expect(events().at(-1)).toEqual(["commits", 0, 20]);
  await journal.close();
});

test("lines that are too many to wait are named as a gap, from where the commits had come to", async () => {
  const disk = new CappedDisk(3000);
  const journal = open(disk, 50_000);
  commit(journal, 0, 3);
  commit(journal, 3, 30);
  journal.record({ type: "large", text: " ".repeat(40_000) });
  commit(journal, 30, 400);
  journal.record({ type: "rewind", step: 20, from: 400 });
  commit(journal, 20, 40);
  disk.room = 1e9;
  commit(journal, 40, 42);
  await journal.close();
  expect(events().filter(([type]) => type !== "large")).toEqual([
    ["start", 0],
    ...[
      ["leaves", 0],
      ["commits", 0, 3],
      ["leaves", 3],
      ["commits", 3, 30],
      ["leaves", 30],
    ],
    // What was dropped went back to step 20, which had been told already.
    ["rewind", 30, 20],
    ["journal-gap", 20, 40],
    ...[
      ["leaves", 40],
      ["commits", 40, 42],
    ],
  ]);
  expect(said.filter((text) => text.startsWith("Too many lines"))).toHaveLength(1);
  expect(readFormerRun(run)).toMatchObject({ step: 42, missing: [] });
});

test("a checkpoint that is ahead of the lines of the former start is told of as a gap", async () => {
  const disk = new CappedDisk(3000);
  commit(open(disk), 0, 3);
  const journal = open(disk);
  journal.resumeAt({ step: 5, evaluatedStep: -1 });
  await journal.close();
  expect(events().at(-1)).toEqual(["journal-gap", 3, 5]);
});

test("lines that still wait at the end are counted on the log", async () => {
  const disk = new CappedDisk(1000);
  const journal = open(disk);
  commit(journal, 0, 20);
  await journal.close();
  expect(said.at(-1)).toMatch(/^\d+ lines of metrics.jsonl and events.jsonl are lost/);
});
