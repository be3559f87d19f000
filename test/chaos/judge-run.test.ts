import { expect, test } from "vitest";
import { type JudgedRun, judgeRun, type Line } from "../../src/chaos/judge-run.ts";

const leaves = [
  { workerId: 0, lo: 0, hi: 3 },
  { workerId: 1, lo: 3, hi: 8 },
];
const row = (step: number): Line => ({ step, loss: 2 });
const commits = (from: number, to: number, ranges: unknown = leaves): Line => ({
  ...{ type: "commits", from, to, generation: 1, leaves: ranges },
});

/** Four steps of eight leaves, gone back to the second once. */
const GOOD: JudgedRun = {
  metrics: [row(1), row(2), { step: 2, validationLoss: 1 }, row(3), row(4)],
  events: [
    { type: "start", step: 0 },
    commits(0, 3),
    { type: "rewind", step: 2 },
    commits(2, 3),
    { type: "start", step: 3 },
    commits(3, 4),
  ],
  ...{ steps: 4, numLeaves: 8, status: "completed", digest: "a", undisturbedDigest: "a" },
  leftBehind: [],
};

const brokenOf = (changes: Partial<JudgedRun>) =>
  judgeRun({ ...GOOD, ...changes }).flatMap(({ isKept, detail }) => (isKept ? [] : [detail]));

test("finds nothing wrong with a run that kept its promises", () => {
  expect(brokenOf({})).toEqual([]);
});

test("counts nothing of a wait, a restart of a worker and a step that was skipped", () => {
  const metrics = [row(1), row(2), { step: 3, loss: null, skipped: true }, row(4)];
  const events = [
    { type: "start", step: 0 },
    { type: "waiting", step: 3, kind: "exchange", workerIds: [1] },
    { type: "worker-restart", message: "ended", restartMs: 1000 },
    { type: "not-finite", step: 2, skipped: true },
    commits(0, 4),
  ];
  expect(brokenOf({ metrics, events })).toEqual([]);
});

test.each<readonly [string, Partial<JudgedRun>, RegExp]>([
  ["another digest", { digest: "b" }, /b; undisturbed a/],
  ["a run that failed", { status: "failed" }, /status is failed/],
  ["a step without a row", { metrics: [row(1), row(3), row(4)] }, /row 2 is of step 3/],
  ["a step with two rows", { metrics: [1, 2, 2, 3, 4].map(row) }, /row 3 is of step 2/],
  ["a last step without a row", { metrics: [1, 2, 3].map(row) }, /3 rows for 4 steps/],
  [
    "a step committed twice",
    { events: [commits(0, 3), commits(2, 4)] },
    /2 to 4 were committed when 3/,
  ],
  ["a step never committed", { events: [commits(0, 2), commits(3, 4)] }, /3 to 4 were .* when 2/],
  ["an end that is not told", { events: [commits(0, 3)] }, /3 of 4 steps/],
  [
    "a start from where nobody was",
    { events: [commits(0, 2), { type: "start", step: 3 }] },
    /start at step 3, but only 2/,
  ],
  [
    "a leaf of two workers",
    { events: [commits(0, 4, [leaves[0], { workerId: 1, lo: 2, hi: 8 }])] },
    /worker 1 has leaves 2 to 8, 3 was due/,
  ],
  ["a leaf of nobody", { events: [commits(0, 4, [leaves[0]])] }, /end at 3 of 8/],
  [
    "a journal that says itself that it has a gap",
    { events: [commits(0, 2), { type: "journal-gap", from: 2, to: 4 }] },
    /commits of steps 2 to 4 are missing/,
  ],
  ["a process left", { leftBehind: ["worker 2"] }, /worker 2/],
])("finds %s", (_what, changes, detail) => {
  const broken = brokenOf(changes);
  expect(broken).toHaveLength(1);
  expect(broken[0]).toMatch(detail);
});
