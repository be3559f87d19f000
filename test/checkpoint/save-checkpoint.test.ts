import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { latestCheckpoint, listCheckpoints } from "../../src/checkpoint/checkpoint-folders.ts";
import { loadCheckpoint } from "../../src/checkpoint/load-checkpoint.ts";
import { saveCheckpoint } from "../../src/checkpoint/save-checkpoint.ts";
import { failingFiles } from "../base/failing-files.ts";
import { temporaryFolder } from "../base/temporary-folder.ts";
import { checkpointContent, loadedForm } from "./checkpoint-content.ts";

test("gives back what was saved, to the bit", async () => {
  const run = await temporaryFolder();
  const content = checkpointContent(500);
  const folder = await saveCheckpoint(run, content);
  expect(folder).toBe(join(run, "checkpoints", "step-00000500"));
  expect((await readdir(folder)).sort()).toEqual([
    "config.json",
    "manifest.json",
    "model.safetensors",
    "optimizer.safetensors",
    "state.json",
    "tokenizer.json",
  ]);
  expect(await loadCheckpoint(folder, { withOptimizer: true })).toEqual(
    loadedForm(content, folder),
  );
});

test("saves vectors that lie on shared memory", async () => {
  const run = await temporaryFolder();
  const content = checkpointContent(1);
  const shared = new Float32Array(new SharedArrayBuffer(200), 64, 18);
  shared.set(content.parameters);
  const folder = await saveCheckpoint(run, { ...content, parameters: shared });
  const { parameters } = await loadCheckpoint(folder, { withOptimizer: false });
  expect(parameters).toEqual(content.parameters);
});

test("leaves the moments unread and the tokenizer out where there is none", async () => {
  const run = await temporaryFolder();
  const folder = await saveCheckpoint(run, { ...checkpointContent(3), tokenizer: undefined });
  expect(await readdir(folder)).not.toContain("tokenizer.json");
  const loaded = await loadCheckpoint(folder, { withOptimizer: false });
  expect(loaded.moments).toBeUndefined();
  expect(loaded.tokenizer).toBeUndefined();
});

test("keeps the model's keys of config.json apart from those of training and fleet", async () => {
  const folder = await saveCheckpoint(await temporaryFolder(), checkpointContent(3));
  const config = JSON.parse(await readFile(join(folder, "config.json"), "utf8"));
  expect(Object.keys(config)).toEqual(["model", "training", "fleet"]);
  expect(config.model).toMatchObject({ vocabSize: 65, embeddingSize: 32, norm: "pre" });
  expect(config.training).toMatchObject({ weightDecay: 0.3, steps: 50 });
});

test("replaces a checkpoint of the same step", async () => {
  const run = await temporaryFolder();
  await saveCheckpoint(run, { ...checkpointContent(7), parameters: new Float32Array(18) });
  const content = checkpointContent(7);
  const folder = await saveCheckpoint(run, content);
  expect(await loadCheckpoint(folder, { withOptimizer: true })).toEqual(
    loadedForm(content, folder),
  );
  expect(await readdir(join(run, "checkpoints"))).toEqual(["step-00000007"]);
});

const WAYS = [
  { step: 8, what: "a new checkpoint" },
  { step: 7, what: "a checkpoint in the place of one of the same step" },
];

test.each(WAYS)(
  "on a full disk anywhere in writing $what, leaves all others whole",
  async (way) => {
    const numOperations = await countOperations(way.step);
    for (let at = 0; at < numOperations; at++) {
      const { run, former } = await runWithCheckpoint(7);
      const files = failingFiles({ at, forever: false, code: "ENOSPC" });
      const outcome = await saveCheckpoint(
        run,
        checkpointContent(way.step, { new: true }),
        files,
      ).then(
        () => "saved",
        (error: unknown) => error,
      );
      const where = `${files.operations[at]}, operation ${at}`;
      if (outcome !== "saved") {
        expect(outcome, where).toMatchObject({
          code: "ERR_WRITE",
          message: expect.stringContaining("free some space"),
        });
        expect(await listCheckpoints(run), where).toEqual([{ step: 7, folder: former.folder }]);
        expect(await loadCheckpoint(former.folder, { withOptimizer: true }), where).toEqual(former);
      }
      const latest = await latestCheckpoint(run);
      await loadCheckpoint(latest?.folder ?? "", { withOptimizer: true });
      const strays = (await readdir(join(run, "checkpoints"))).filter((name) =>
        name.endsWith(".tmp"),
      );
      expect(strays, where).toEqual([]);
    }
  },
);

test.each(WAYS)(
  "after a crash anywhere in writing $what, the next save finds all whole",
  async (way) => {
    const numOperations = await countOperations(way.step);
    for (let at = 0; at < numOperations; at++) {
      const { run } = await runWithCheckpoint(7);
      const files = failingFiles({ at, forever: true, code: "EIO" });
      await saveCheckpoint(run, checkpointContent(way.step, { new: true }), files).catch(
        () => undefined,
      );
      for (const { folder } of await listCheckpoints(run)) {
        await loadCheckpoint(folder, { withOptimizer: true });
      }
      await saveCheckpoint(run, checkpointContent(9));
      const checkpoints = await listCheckpoints(run);
      expect(checkpoints.at(0)?.step).toBe(7);
      for (const { folder } of checkpoints) await loadCheckpoint(folder, { withOptimizer: true });
      expect(await readdir(join(run, "checkpoints"))).toHaveLength(checkpoints.length);
    }
  },
);

test("says what stands in the way when the run folder is a file", async () => {
  const path = join(await temporaryFolder(), "run");
  await writeFile(path, "");
  await expect(saveCheckpoint(path, checkpointContent(1))).rejects.toMatchObject({
    code: "ERR_WRITE",
    message: expect.stringContaining("Something on the way is not a folder"),
  });
});

test("lists checkpoints by step, and nothing else", async () => {
  const run = await temporaryFolder();
  expect(await listCheckpoints(run)).toEqual([]);
  expect(await latestCheckpoint(run)).toBeUndefined();
  for (const step of [90, 1000, 9]) await saveCheckpoint(run, checkpointContent(step));
  await mkdir(join(run, "checkpoints", "step-00002000.tmp"));
  await mkdir(join(run, "checkpoints", "notes"));
  await writeFile(join(run, "checkpoints", "step-00003000"), "a file");
  expect((await listCheckpoints(run)).map(({ step }) => step)).toEqual([9, 90, 1000]);
  expect(await latestCheckpoint(run)).toMatchObject({ step: 1000 });
});

async function runWithCheckpoint(step: number) {
  const run = await temporaryFolder();
  const folder = await saveCheckpoint(run, checkpointContent(step), failingFiles());
  return { run, former: await loadCheckpoint(folder, { withOptimizer: true }) };
}

async function countOperations(step: number): Promise<number> {
  const { run } = await runWithCheckpoint(7);
  const files = failingFiles();
  await saveCheckpoint(run, checkpointContent(step), files);
  return files.operations.length;
}
