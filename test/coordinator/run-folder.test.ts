import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PRESETS } from "../../src/configuration/presets.ts";
import { resolveConfiguration } from "../../src/configuration/resolve-configuration.ts";
import {
  checkRunFolder,
  makeRunFolder,
  readRunConfiguration,
  writeRunConfiguration,
} from "../../src/coordinator/run-folder.ts";

const configuration = resolveConfiguration({ ...PRESETS.tiny, vocabSize: 24 });
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "smallinit-run-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

test("a run's configuration is read as it was written", async () => {
  await writeRunConfiguration(folder, { configuration, dataFolder: "data" });
  expect(await readRunConfiguration(folder)).toEqual({
    ...{ configuration, dataFolder: resolve("data") },
  });
});

test("a folder with a run is taken to resume it, and for nothing else", async () => {
  await checkRunFolder(folder, false);
  await expect(checkRunFolder(folder, true)).rejects.toMatchObject({ code: "ERR_RUN_MISSING" });
  await writeRunConfiguration(folder, { configuration, dataFolder: "data" });
  await checkRunFolder(folder, true);
  await expect(checkRunFolder(folder, false)).rejects.toMatchObject({
    code: "ERR_RUN_EXISTS",
    message: expect.stringContaining(`smallinit resume ${folder}`),
  });
});

test.each([
  ["no file", undefined],
  ["half a file", '{"model":'],
])("%s is no run to resume", async (_name, text) => {
  if (text !== undefined) await writeFile(join(folder, "config.json"), text);
  await expect(readRunConfiguration(folder)).rejects.toMatchObject({ code: "ERR_RUN_MISSING" });
});

test("a configuration that was edited is checked", async () => {
  await writeRunConfiguration(folder, { configuration, dataFolder: "data" });
  const path = join(folder, "config.json");
  const text = await readFile(path, "utf8");
  await writeFile(path, text.replace('"numHeads": 4', '"numHeads": 5'));
  await expect(readRunConfiguration(folder)).rejects.toMatchObject({ code: "ERR_CONFIG_VALUE" });
});

test("a run folder below a file cannot be made, and that is said by name", async () => {
  await writeFile(join(folder, "file"), "");
  const below = join(folder, "file", "run");
  await checkRunFolder(below, false);
  await expect(makeRunFolder(below)).rejects.toMatchObject({ code: "ERR_WRITE" });
});
