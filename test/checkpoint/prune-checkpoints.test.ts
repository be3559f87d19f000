import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { listCheckpoints } from "../../src/checkpoint/checkpoint-folders.ts";
import { bestCheckpoint, pruneCheckpoints } from "../../src/checkpoint/prune-checkpoints.ts";
import { saveCheckpoint } from "../../src/checkpoint/save-checkpoint.ts";
import { failingFiles } from "../base/failing-files.ts";
import { temporaryFolder } from "../base/temporary-folder.ts";
import { checkpointContent } from "./checkpoint-content.ts";

test.each([
  { losses: [3, 1, 2, 4], keepLast: 2, kept: [1, 2, 3], why: "the best is older than the last" },
  { losses: [4, 3, 2, 1], keepLast: 2, kept: [2, 3], why: "the best is among the last" },
  { losses: [4, 3, 2, 1], keepLast: 9, kept: [0, 1, 2, 3], why: "there are fewer than asked for" },
  { losses: [undefined, 5, undefined], keepLast: 1, kept: [1, 2], why: "few have a loss" },
  { losses: [undefined, undefined], keepLast: 1, kept: [1], why: "none has a loss" },
  { losses: [2, 2, 2], keepLast: 1, kept: [0, 2], why: "of equals, the first is the best" },
])("keeps the last and the best: $why", async ({ losses, keepLast, kept }) => {
  const run = await runWith(losses);
  const deleted = await pruneCheckpoints(run, { keepLast });
  expect((await listCheckpoints(run)).map(({ step }) => step)).toEqual(kept);
  expect(deleted).toHaveLength(losses.length - kept.length);
  expect(await readdir(join(run, "checkpoints"))).toHaveLength(kept.length);
});

test("knows the best, and takes no checkpoint whose state it cannot read for it", async () => {
  const run = await runWith([3, 1, 2]);
  const best = await bestCheckpoint(run);
  expect(best?.step).toBe(1);
  await rm(join(best?.folder ?? "", "state.json"));
  expect((await bestCheckpoint(run))?.step).toBe(2);
});

test("names a checkpoint that cannot be deleted", async () => {
  const run = await runWith([3, 2, 1]);
  const files = failingFiles({ at: 0, forever: false, code: "EACCES" });
  await expect(pruneCheckpoints(run, { keepLast: 1 }, files)).rejects.toMatchObject({
    code: "ERR_WRITE",
    message: expect.stringContaining("step-00000000"),
  });
});

test("leaves no half checkpoint when it is killed while deleting", async () => {
  const run = await runWith([3, 2, 1]);
  const files = failingFiles({ at: 1, forever: true, code: "EIO" });
  await expect(pruneCheckpoints(run, { keepLast: 1 }, files)).rejects.toThrow();
  expect((await listCheckpoints(run)).map(({ step }) => step)).toEqual([1, 2]);
});

/** A run with one checkpoint for each validation loss, of steps 0, 1, 2, ... */
async function runWith(losses: readonly (number | undefined)[]): Promise<string> {
  const run = await temporaryFolder();
  for (const [step, validationLoss] of losses.entries()) {
    await saveCheckpoint(run, checkpointContent(step, { validationLoss }));
  }
  return run;
}
