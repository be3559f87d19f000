/**
 * smallinit as a library: what the command line is made of.
 *
 * `prepareData` makes a data folder, `runCoordinator` and `runWorker` train on it, `loadCheckpoint` and
 * `createEngine` use the result.
 */
export { systemClock } from "./base/clock.ts";
export { type ErrorCode, EXIT_CODES, TrainerError } from "./base/errors.ts";
export { type Log, silentLog } from "./base/log.ts";
export { latestCheckpoint, listCheckpoints } from "./checkpoint/checkpoint-folders.ts";
export { type Checkpoint, loadCheckpoint } from "./checkpoint/load-checkpoint.ts";
export { type Configuration, modelOf } from "./configuration/configuration.ts";
export { PRESETS } from "./configuration/presets.ts";
export { resolveConfiguration } from "./configuration/resolve-configuration.ts";
export { type CoordinatorOptions, runCoordinator } from "./coordinator/run-coordinator.ts";
export type { RunStatus } from "./coordinator/run-status.ts";
export type { RunSummary } from "./coordinator/run-summary.ts";
export { type DataFolder, openDataFolder } from "./data/open-data-folder.ts";
export { type PrepareOptions, prepareData } from "./data/prepare-data.ts";
export { loadTokenizer } from "./data/tokenizers/load-tokenizer.ts";
export type { Tokenizer } from "./data/tokenizers/tokenizer.ts";
export { createEngine, type EngineOptions } from "./engine/create-engine.ts";
export type { Decoder, Engine, TokenBlock } from "./engine/engine.ts";
export { type GenerationOptions, generateTokens } from "./engine/generate-tokens.ts";
export { runWorker, type WorkerOptions } from "./worker/run-worker.ts";
