import { mkdtempSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { TrainerError } from "../../src/base/errors.ts";
import { silentLog } from "../../src/base/log.ts";
import { listCheckpoints } from "../../src/checkpoint/checkpoint-folders.ts";
import { loadCheckpoint } from "../../src/checkpoint/load-checkpoint.ts";
import { PRESETS } from "../../src/configuration/presets.ts";
import { resolveConfiguration } from "../../src/configuration/resolve-configuration.ts";
import { SnapshotStore } from "../../src/coordinator/snapshot-store.ts";
import { stateFrames } from "../../src/protocol/state-frames.ts";

const configuration = resolveConfiguration({ ...PRESETS.tiny, vocabSize: 24 });
const extras = { configuration, tokenizer: undefined, state: {} };
const DONOR_ID = 3;
let run: string;
let store: SnapshotStore;

beforeEach(() => {
  run = mkdtempSync(join(tmpdir(), "smallinit-store-"));
  store = new SnapshotStore(run);
  store.setLayout([{ name: "embed.weight", shape: [2] }]);
});
afterEach(() => rmSync(run, { recursive: true, force: true }));

/** Takes a donor's snapshot whose numbers are all the step's. */
function collect(step: number): void {
  const vector = () => Float32Array.of(step, step);
  store.collect(DONOR_ID, step);
  for (const frame of stateFrames(step, [vector(), vector(), vector()])) {
    store.take(DONOR_ID, frame);
  }
}

test("a save that takes long writes its own snapshot, and not the one that comes meanwhile", async () => {
  collect(5);
  let begin: () => void = () => undefined;
  const saved = store.save(5, extras, () => new Promise((resolve) => (begin = resolve)));
  await Promise.resolve();
  collect(6);
  begin();
  await saved;
  const folder = (await listCheckpoints(run))[0]?.folder ?? "";
  const { step, parameters, moments } = await loadCheckpoint(folder, { withOptimizer: true });
  expect([step, ...parameters, ...(moments?.secondMoments ?? [])]).toEqual([5, 5, 5, 5, 5]);
});

const reportOf = (step: number) =>
  ({ type: "digest", step, digest: digestOf(Float32Array.of(step, step)) }) as const;

test("others are let in while the digest of a snapshot is computed", async () => {
  collect(5);
  let numTurns = 0;
  setImmediate(() => numTurns++);
  expect(await store.isEndedBy(DONOR_ID, reportOf(5))).toBe(true);
  expect(numTurns).toBe(1);
});

test("a snapshot that is given up for another meanwhile ends nothing, and nobody is blamed", async () => {
  collect(5);
  const isEnded = store.isEndedBy(DONOR_ID, reportOf(5));
  collect(6);
  expect(await isEnded).toBe(false);
  expect(await store.isEndedBy(DONOR_ID, reportOf(6))).toBe(true);
});

test("a donor that tells another digest than its snapshot has is refused", async () => {
  collect(5);
  await expect(store.isEndedBy(DONOR_ID, { ...reportOf(5), digest: "0" })).rejects.toMatchObject({
    code: "ERR_PROTOCOL",
  });
});

test("the whole checkpoint before a damaged one is found, and its absence is the damage", async () => {
  for (const step of [5, 10, 15]) {
    collect(step);
    await store.save(step, extras, () => Promise.resolve());
  }
  const folders = (await listCheckpoints(run)).map(({ folder }) => folder);
  truncateSync(join(folders[1] ?? "", "model.safetensors"), 20);
  const damage = new TrainerError("ERR_CHECKPOINT_DAMAGED", "step 15 is altered");
  const options = { configuration, log: silentLog, damage };
  expect(await store.findBefore(15, options)).toMatchObject({
    damaged: [{ step: 15, message: damage.message }, { step: 10 }],
    start: { step: 5, digest: digestOf(Float32Array.of(5, 5)) },
  });
  await expect(store.findBefore(5, options)).rejects.toBe(damage);
});
