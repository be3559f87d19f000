import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { formatReport } from "../../src/engine/format-report.ts";
import { verifyFolders } from "../../src/engine/verify.ts";
import { sampleModel } from "../reference/sample-model.ts";
import { type ReferenceRecipe, writeReferenceFolder } from "../reference/write-reference-folder.ts";

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "smallinit-oracle-"));
});
afterAll(() => rm(scratch, { recursive: true }));

const TINY = { ...{ vocabSize: 7, contextLength: 5, embeddingSize: 8 }, numLayers: 1, ffnSize: 9 };
const TRAIN = {
  ...{ lr: 0.01, lrMin: 0.001, warmupSteps: 1, totalSteps: 9, betas: [0.9, 0.99] as const },
  ...{ eps: 1e-8, weightDecay: 0.1, gradClip: 1 },
};

/** What no fixture has: sizes and options apart from theirs, and the ends of the schedule. */
const RECIPES: readonly (readonly [string, ReferenceRecipe])[] = [
  [
    "post, learned, gelu, biases, a norm after the embedding, sequences shorter than the context",
    {
      model: sampleModel({
        ...{ ...TINY, norm: "post", positions: "learned", ffn: "gelu", smallInit: false },
      }),
      train: { ...TRAIN, betas: [0.8, 0.95], weightDecay: 0.5 },
      data: { steps: 3, batchSize: 1, seqLen: 3 },
    },
  ],
  [
    "pre, rotary, geglu, no biases, no norm after the embedding, one head, a clip that always bites",
    {
      model: sampleModel({ ...TINY, numHeads: 1, bias: false, embedNorm: false }),
      train: { ...TRAIN, lrMin: 0.01, warmupSteps: 0, totalSteps: 2, gradClip: 0.05 },
      data: { steps: 2, batchSize: 3, seqLen: 5 },
    },
  ],
  [
    "pre, rotary, gelu, two layers, a single step that is all warmup, no clip, no decay",
    {
      model: sampleModel({ ...TINY, numLayers: 2, ffn: "gelu" }),
      train: { ...TRAIN, warmupSteps: 1, totalSteps: 1, gradClip: 1e6, weightDecay: 0 },
      data: { steps: 1, batchSize: 2, seqLen: 4 },
    },
  ],
];

test.each(RECIPES)(
  "every engine is within tolerance of the oracles' run with %s",
  async (name, recipe) => {
    const folder = join(scratch, String(RECIPES.findIndex(([other]) => other === name)));
    await writeReferenceFolder(folder, recipe);
    const report = await verifyFolders([folder], { engines: ["onnx", "tfjs"], numThreads: 1 });
    expect(formatReport(report)).not.toMatch(/FAILED/);
    expect(report.verifications.map(({ passed }) => passed)).toEqual([true, true]);
  },
);
