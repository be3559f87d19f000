import type { Configuration } from "./configuration.ts";

/** What a preset sets; every other key keeps its default. */
export type Preset = Partial<Configuration>;

/** The named starting points of `--preset`. */
export const PRESETS = {
  /** Seconds on one core; for tests and for trying things out. */
  tiny: {
    contextLength: 32,
    embeddingSize: 32,
    numHeads: 4,
    numLayers: 2,
    batchSize: 8,
    microBatchSize: 1,
    steps: 50,
    learningRate: 3e-3,
    minLearningRate: 3e-4,
  },
  /** The budget of nanoGPT's CPU configuration: 2000 steps of 12 x 64 characters, 0.87 M parameters. */
  char: {
    contextLength: 64,
    embeddingSize: 128,
    numHeads: 4,
    numLayers: 4,
    batchSize: 12,
    microBatchSize: 3,
    steps: 2000,
    learningRate: 4e-3,
    minLearningRate: 1e-4,
    evaluateEvery: 500,
  },
  /** What `npm start` trains: English with a BPE vocabulary in two or three minutes on two cores. */
  demo: {
    contextLength: 64,
    embeddingSize: 128,
    numHeads: 4,
    numLayers: 4,
    batchSize: 32,
    microBatchSize: 8,
    steps: 600,
    learningRate: 2e-3,
    minLearningRate: 1e-4,
    evaluateEvery: 200,
  },
  /** The published configuration of LayerNorm(SmallInit(Embedding)). */
  smallinitemb: {
    contextLength: 512,
    embeddingSize: 512,
    numHeads: 8,
    numLayers: 6,
    batchSize: 8,
    microBatchSize: 1,
    steps: 20_000,
    learningRate: 4e-4,
    minLearningRate: 4e-5,
    evaluateEvery: 1000,
    checkpointEvery: 1000,
  },
} as const satisfies Record<string, Preset>;

/** A name of a preset. */
export type PresetName = keyof typeof PRESETS;
