import { appendFile, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadCheckpoint } from "../../src/checkpoint/load-checkpoint.ts";
import { saveCheckpoint } from "../../src/checkpoint/save-checkpoint.ts";
import { temporaryFolder } from "../base/temporary-folder.ts";
import { checkpointContent } from "./checkpoint-content.ts";

const FILES = ["model.safetensors", "optimizer.safetensors", "config.json", "state.json"].concat(
  "tokenizer.json",
);

const WAYS = [
  { way: "altered in one bit", damage: flipLastBit, message: "FILE was altered" },
  { way: "truncated", damage: (path: string) => truncate(path, 20), message: "FILE has 20 bytes" },
  {
    way: "longer",
    damage: (path: string) => appendFile(path, "x"),
    message: "FILE has \\d+ bytes, and was",
  },
  { way: "missing", damage: (path: string) => rm(path), message: "it has no FILE" },
];

describe.each(FILES)("%s", (name) => {
  test.each(WAYS)("is named when it is $way", async ({ damage, message }) => {
    const folder = await saveCheckpoint(await temporaryFolder(), checkpointContent(5));
    await damage(join(folder, name));
    await expect(loadCheckpoint(folder, { withOptimizer: true })).rejects.toMatchObject({
      code: "ERR_CHECKPOINT_DAMAGED",
      message: expect.stringMatching(new RegExp(message.replace("FILE", name))),
    });
  });
});

test("does without the optimizer's file when the moments are not asked for", async () => {
  const folder = await saveCheckpoint(await temporaryFolder(), checkpointContent(5));
  await rm(join(folder, "optimizer.safetensors"));
  expect(await loadCheckpoint(folder, { withOptimizer: false })).toMatchObject({ step: 5 });
});

test.each([
  { what: "text that is no JSON", content: "{" },
  { what: "another format", content: '{"format":"smallinit checkpoint 9","files":{}}' },
  { what: "a list of no files", content: '{"format":"smallinit checkpoint 1","files":{"a":1}}' },
])("names a manifest that is $what", async ({ content }) => {
  const folder = await saveCheckpoint(await temporaryFolder(), checkpointContent(5));
  await writeFile(join(folder, "manifest.json"), content);
  await expect(loadCheckpoint(folder, { withOptimizer: true })).rejects.toMatchObject({
    code: "ERR_CHECKPOINT_DAMAGED",
    message: expect.stringContaining("manifest.json"),
  });
});

test("names a manifest that does not list the model", async () => {
  const folder = await saveCheckpoint(await temporaryFolder(), checkpointContent(5));
  const manifest = '{"format":"smallinit checkpoint 1","files":{}}';
  await writeFile(join(folder, "manifest.json"), manifest);
  await expect(loadCheckpoint(folder, { withOptimizer: true })).rejects.toMatchObject({
    code: "ERR_CHECKPOINT_DAMAGED",
    message: expect.stringContaining("does not list model.safetensors"),
  });
});

test("says that a folder without a manifest, or none at all, is no checkpoint", async () => {
  const folder = await temporaryFolder();
  for (const path of [folder, join(folder, "missing")]) {
    await expect(loadCheckpoint(path, { withOptimizer: true })).rejects.toMatchObject({
      code: "ERR_CHECKPOINT_MISSING",
      message: expect.stringContaining(`${path} is not a checkpoint: it has no manifest.json`),
    });
  }
});

async function flipLastBit(path: string): Promise<void> {
  const bytes = await readFile(path);
  const last = bytes.length - 1;
  bytes[last] = (bytes[last] ?? 0) ^ 1;
  await writeFile(path, bytes);
}
