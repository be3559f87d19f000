import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { digestWithPauses } from "../base/digest.ts";
import type { Configuration } from "../configuration/configuration.ts";
import { resolveConfiguration } from "../configuration/resolve-configuration.ts";
import {
  CONFIG_FILE,
  firstMomentName,
  MODEL_FILE,
  OPTIMIZER_FILE,
  STATE_FILE,
  secondMomentName,
  TOKENIZER_FILE,
} from "./checkpoint-files.ts";
import { checkFiles, checkSizes, readManifest, refuseCheckpoint } from "./manifest.ts";
import { type Place, readPlaces } from "./read-vector.ts";
import { openSafetensors } from "./safetensors-file.ts";

/** What a checkpoint says of itself. */
export interface CheckpointHead {
  readonly folder: string;
  /** Updates that the parameters have seen. */
  readonly step: number;
  readonly configuration: Configuration;
  /** Content of `state.json`, with `step` and `parameterDigest`. */
  readonly state: Readonly<Record<string, unknown>>;
}

/** A checkpoint as it was saved. */
export interface Checkpoint extends CheckpointHead {
  /** In layout order, without gaps. */
  readonly layout: readonly Place[];
  /** f32[numParams]. */
  readonly parameters: Float32Array;
  /** Undefined unless asked for. */
  readonly moments: Moments | undefined;
  /** Content of `tokenizer.json`; undefined when the data had none. */
  readonly tokenizer: unknown;
}

/** What AdamW carries from step to step, in layout order. */
export interface Moments {
  /** f32[numParams]. */
  readonly firstMoments: Float32Array;
  /** f32[numParams]. */
  readonly secondMoments: Float32Array;
}

/**
 * Reads a checkpoint, each file compared with the manifest's SHA-256 first.
 *
 * @param options.withOptimizer whether the moments are read as well: to train on, not to use the model.
 * @throws {TrainerError} ERR_CHECKPOINT_MISSING when the folder is no checkpoint;
 *   ERR_CHECKPOINT_DAMAGED or ERR_SAFETENSORS when a file is missing, altered or contradicts another;
 *   ERR_CONFIG_KEY, ERR_CONFIG_VALUE when its configuration is not one of this version's.
 */
export async function loadCheckpoint(
  folder: string,
  { withOptimizer }: { readonly withOptimizer: boolean },
): Promise<Checkpoint> {
  const manifest = await readManifest(folder);
  const names = [MODEL_FILE, CONFIG_FILE, STATE_FILE];
  if (withOptimizer) names.push(OPTIMIZER_FILE);
  const hasTokenizer = Object.hasOwn(manifest, TOKENIZER_FILE);
  if (hasTokenizer) names.push(TOKENIZER_FILE);
  await checkFiles(folder, manifest, names);

  const head = await readHead(folder);
  const { layout, parameters } = await readParameters(folder);
  if (head.state.parameterDigest !== (await digestWithPauses(parameters))) {
    refuseCheckpoint(folder, `${MODEL_FILE} does not have the digest that ${STATE_FILE} names`);
  }
  return {
    ...head,
    ...{ layout, parameters },
    moments: withOptimizer ? await readMoments(folder, layout) : undefined,
    tokenizer: hasTokenizer ? await readJson(folder, TOKENIZER_FILE) : undefined,
  };
}

/**
 * Reads what a checkpoint says of itself, in a moment, however large it is: its tensors are there, with
 * the right sizes, and not read.
 *
 * @throws {TrainerError} as `loadCheckpoint`.
 */
export async function readCheckpointHead(folder: string): Promise<CheckpointHead> {
  const manifest = await readManifest(folder);
  await checkFiles(folder, manifest, [CONFIG_FILE, STATE_FILE]);
  await checkSizes(folder, manifest, [MODEL_FILE, OPTIMIZER_FILE]);
  return readHead(folder);
}

async function readHead(folder: string): Promise<CheckpointHead> {
  const { model, training, fleet } = await readObject(folder, CONFIG_FILE);
  const configuration = resolveConfiguration({
    ...spread(model),
    ...spread(training),
    ...spread(fleet),
  });
  const state = await readObject(folder, STATE_FILE);
  const { step } = state;
  if (typeof step !== "number") refuseCheckpoint(folder, `${STATE_FILE} has no step`);
  return { folder, step, configuration, state };
}

/** The file has its tensors in layout order. */
async function readParameters(folder: string) {
  const path = join(folder, MODEL_FILE);
  await using file = await openSafetensors(path);
  const layout = file.tensors.map(({ name, shape, begin, end }) => ({
    ...{ name, shape, offset: begin / 4, length: (end - begin) / 4 },
  }));
  const parameters = new Float32Array(numFloatsOf(layout));
  await readPlaces(file, path, layout, parameters);
  return { layout, parameters };
}

async function readMoments(folder: string, layout: readonly Place[]): Promise<Moments> {
  const path = join(folder, OPTIMIZER_FILE);
  await using file = await openSafetensors(path);
  const firstMoments = new Float32Array(numFloatsOf(layout));
  const secondMoments = new Float32Array(numFloatsOf(layout));
  await readPlaces(file, path, layout, firstMoments, firstMomentName);
  await readPlaces(file, path, layout, secondMoments, secondMomentName);
  return { firstMoments, secondMoments };
}

function numFloatsOf(layout: readonly Place[]): number {
  return layout.reduce((sum, { length }) => sum + length, 0);
}

async function readObject(folder: string, name: string): Promise<Record<string, unknown>> {
  const value = await readJson(folder, name);
  return isRecord(value) ? value : refuseCheckpoint(folder, `${name} is not a JSON object`);
}

async function readJson(folder: string, name: string): Promise<unknown> {
  const text = await readFile(join(folder, name), "utf8");
  try {
    return JSON.parse(text);
  } catch (cause) {
    return refuseCheckpoint(folder, `${name} is not JSON`, cause);
  }
}

function spread(section: unknown): Record<string, unknown> {
  return isRecord(section) ? section : {};
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
