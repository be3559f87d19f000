import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
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
