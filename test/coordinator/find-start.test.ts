import { mkdtemp, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { type Log, silentLog } from "../../src/base/log.ts";
import { saveCheckpoint } from "../../src/checkpoint/save-checkpoint.ts";
import { PRESETS } from "../../src/configuration/presets.ts";
import { resolveConfiguration } from "../../src/configuration/resolve-configuration.ts";
import { FROM_SEED, findStart } from "../../src/coordinator/find-start.ts";

const configuration = resolveConfiguration({ ...PRESETS.tiny, vocabSize: 24 });
let run: string;

beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), "smallinit-start-"));
});
afterEach(async () => {
  await rm(run, { recursive: true, force: true });
});

/** Saves a checkpoint whose parameters are the step's number. Gives its folder. */
function save(step: number): Promise<string> {
  const vector = () => Float32Array.of(step, step);
  return saveCheckpoint(run, {
    ...{ step, configuration, tokenizer: undefined },
    layout: [{ name: "embed.weight", shape: [2], offset: 0, length: 2 }],
    ...{ parameters: vector(), firstMoments: vector(), secondMoments: vector() },
    state: { trainLoss: 2, lastValidationLoss: 3, evaluatedStep: 4, wallMs: 500 },
  });
}

test("a run without checkpoints starts from the seed", async () => {
  expect(await findStart(run, { configuration, log: silentLog })).toEqual(FROM_SEED);
});

test("a run starts from its newest checkpoint, with what it knew", async () => {
  await save(5);
  await save(10);
  expect(await findStart(run, { configuration, log: silentLog })).toEqual({
    ...{ wallMs: 500, damaged: [] },
    start: {
      ...{ step: 10, digest: digestOf(Float32Array.of(10, 10)) },
      ...{ trainLoss: 2, validationLoss: 3, evaluatedStep: 4 },
    },
  });
});

test("a damaged checkpoint is passed over for the one before, and that is said", async () => {
  await save(5);
  await truncate(join(await save(10), "optimizer.safetensors"), 20);
  const warnings: string[] = [];
  const log: Log = { ...silentLog, warn: (message) => warnings.push(message) };
  const { start, damaged } = await findStart(run, { configuration, log });
  expect(start.step).toBe(5);
  expect(damaged).toEqual([
    {
      ...{ step: 10, code: "ERR_CHECKPOINT_DAMAGED" },
      message: expect.stringMatching(/optimizer\.safetensors/),
    },
  ]);
  expect(warnings[0]).toMatch(/Trying the checkpoint before step 10/);
});

test("tensors are taken for whole where asked to, as long as they have their sizes", async () => {
  const folder = await save(10);
  const path = join(folder, "optimizer.safetensors");
  const { size } = await stat(path);
  await truncate(path, size - 4);
  await truncate(path, size);
  await save(5);
  const trusting = { configuration, log: silentLog, isTrusting: true };
  expect((await findStart(run, { configuration, log: silentLog })).start.step).toBe(5);
  expect(await findStart(run, trusting)).toMatchObject({
    ...{ wallMs: 500, damaged: [] },
    start: { step: 10, digest: digestOf(Float32Array.of(10, 10)) },
  });
  await truncate(path, size - 4);
  expect((await findStart(run, trusting)).start.step).toBe(5);
  await writeFile(join(await save(10), "state.json"), "{}");
  expect((await findStart(run, trusting)).start.step).toBe(5);
});

test("a start is looked for below a step as well", async () => {
  for (const step of [5, 10, 15]) await save(step);
  expect((await findStart(run, { configuration, log: silentLog, below: 15 })).start.step).toBe(10);
});

test("a run all of whose checkpoints are damaged is not begun again from the seed", async () => {
  await truncate(join(await save(10), "model.safetensors"), 20);
  await expect(findStart(run, { configuration, log: silentLog })).rejects.toMatchObject({
    code: "ERR_CHECKPOINT_DAMAGED",
  });
});

test("a run cannot change its model", async () => {
  await save(10);
  const other = resolveConfiguration({ ...PRESETS.tiny, vocabSize: 24, numLayers: 3 });
  await expect(findStart(run, { configuration: other, log: silentLog })).rejects.toMatchObject({
    code: "ERR_CONFIG_VALUE",
  });
  // More steps are no other model.
  const longer = resolveConfiguration({ ...PRESETS.tiny, vocabSize: 24, steps: 99 });
  expect((await findStart(run, { configuration: longer, log: silentLog })).start.step).toBe(10);
});
