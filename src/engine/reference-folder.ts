import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { TrainerError } from "../base/errors.ts";
import { readVector } from "../checkpoint/read-vector.ts";
import type { ModelConfiguration, TrainingConfiguration } from "../configuration/configuration.ts";
import { type Configuration, modelOf } from "../configuration/configuration.ts";
import { resolveConfiguration } from "../configuration/resolve-configuration.ts";
import { type ParameterLayout, parameterLayout } from "../model/parameter-layout.ts";
import type { TokenBlock } from "./engine.ts";

/** The numbers of one reference run, computed in float64 by another implementation. */
export interface ReferenceRun {
  readonly folder: string;
  readonly model: ModelConfiguration;
  readonly training: TrainingConfiguration;
  readonly layout: ParameterLayout;
  /** f32[numParams], as all vectors here: before the first step. */
  readonly initialParameters: Float32Array;
  readonly finalParameters: Float32Array;
  /** Of the mean loss of step 0. */
  readonly gradient: Float32Array;
  /** Of row 0 of step 0's batch, f32[length · vocabSize]. */
  readonly logits: Float32Array;
  /** One per step. */
  readonly batches: readonly TokenBlock[];
  /** One per step: the mean loss before that step's update. */
  readonly losses: readonly number[];
  /** One per step: L2, before the clip. */
  readonly gradientNorms: readonly number[];
  readonly learningRates: readonly number[];
}

/**
 * Reads a reference folder; test/fixtures/reference/README.md describes the format.
 *
 * @throws {TrainerError} ERR_REFERENCE when a file is missing or does not fit the others;
 *   ERR_SAFETENSORS when a tensor file is damaged, lacks a tensor or has one of another shape.
 */
export async function readReferenceFolder(folder: string): Promise<ReferenceRun> {
  const config = await readObject(folder, "config.json");
  const configuration = configurationOf(folder, config);
  const model = modelOf(configuration);
  const layout = parameterLayout(model);
  const batches = batchesOf(folder, await readObject(folder, "batch.json"), configuration);
  checkSizes(folder, config.data, batches);
  const series = await readObject(folder, "losses.json");
  const length = batches[0].length;
  const numLogits = length * model.vocabSize;
  const logitsPlace = { name: "logits", shape: [length, model.vocabSize], offset: 0 };
  const vector = (file: string) => readVector(join(folder, file), layout.tensors);
  return {
    ...{ folder, model, layout, batches, training: configuration },
    initialParameters: await vector("params.safetensors"),
    finalParameters: await vector("final.safetensors"),
    gradient: await vector("grads.safetensors"),
    logits: await readVector(join(folder, "logits.safetensors"), [
      { ...logitsPlace, length: numLogits },
    ]),
    losses: numbersOf(folder, series, "loss", batches.length),
    gradientNorms: numbersOf(folder, series, "gradNorm", batches.length),
    learningRates: numbersOf(folder, series, "lr", batches.length),
  };
}

/** The reference's names of training keys, and ours. */
const TRAINING_KEYS: Readonly<Record<string, keyof TrainingConfiguration>> = {
  lr: "learningRate",
  lrMin: "minLearningRate",
  warmupSteps: "warmupSteps",
  totalSteps: "steps",
  eps: "epsilon",
  weightDecay: "weightDecay",
  gradClip: "gradientClip",
};

function configurationOf(folder: string, config: JsonObject): Configuration {
  const [model, train, data] = ["model", "train", "data"].map((name) => {
    const part = config[name];
    return isObject(part) ? part : refuse(folder, `config.json has no object "${name}"`);
  }) as [JsonObject, JsonObject, JsonObject];
  const settings: Record<string, unknown> = { ...model };
  for (const [theirs, ours] of Object.entries(TRAINING_KEYS)) settings[ours] = train[theirs];
  const { betas } = train;
  if (!Array.isArray(betas)) refuse(folder, 'config.json has no list "train.betas"');
  [settings.beta1, settings.beta2] = betas as readonly unknown[];
  settings.batchSize = data.batchSize;
  settings.microBatchSize = data.batchSize;
  for (const [key, value] of Object.entries(settings)) {
    // A default in place of a number that was forgotten would be found only as a wrong result.
    if (value === undefined) refuse(folder, `config.json gives no value for ${key}`);
  }
  try {
    return resolveConfiguration(settings);
  } catch (error) {
    if (!(error instanceof TrainerError)) throw error;
    return refuse(folder, `config.json is not a configuration: ${error.message}`, error);
  }
}

type Batches = readonly [TokenBlock, ...TokenBlock[]];

function batchesOf(folder: string, batch: JsonObject, configuration: Configuration): Batches {
  const { tokens } = batch;
  const { batchSize, contextLength, vocabSize } = configuration;
  if (!Array.isArray(tokens)) return refuse(folder, 'batch.json has no list "tokens"');
  const blocks = (tokens as readonly unknown[]).map((rows, step) => {
    const where = `batch.json, step ${step}:`;
    if (!isMatrix(rows)) return refuse(folder, `${where} not a list of rows of numbers`);
    const rowLength = rows[0]?.length ?? 0;
    if (rows.length !== batchSize || rows.some((row) => row.length !== rowLength)) {
      return refuse(folder, `${where} not ${batchSize} rows of one length`);
    }
    if (rowLength < 2 || rowLength > contextLength + 1) {
      return refuse(folder, `${where} rows of ${rowLength} tokens, not 2 to ${contextLength + 1}`);
    }
    const ids = rows.flat();
    const strange = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
    if (strange !== undefined) {
      return refuse(folder, `${where} token ${strange} in a vocabulary of ${vocabSize}`);
    }
    return { numSequences: rows.length, length: rowLength - 1, tokens: Int32Array.from(ids) };
  });
  const [first, ...rest] = blocks;
  return first === undefined ? refuse(folder, "batch.json has no step") : [first, ...rest];
}

/** Holds `data` of config.json against the tokens: a folder put together from two is found here. */
function checkSizes(folder: string, data: unknown, batches: Batches): void {
  const { steps, seqLen } = data as JsonObject;
  if (steps !== batches.length) {
    refuse(folder, `config.json says ${String(steps)} steps, batch.json has ${batches.length}`);
  }
  const strange = batches.find(({ length }) => length !== seqLen);
  if (strange !== undefined) {
    refuse(folder, `config.json says seqLen ${String(seqLen)}, batch.json has ${strange.length}`);
  }
}

function numbersOf(
  folder: string,
  series: JsonObject,
  name: string,
  numSteps: number,
): readonly number[] {
  const values = series[name];
  if (isNumbers(values) && values.length === numSteps) return values;
  return refuse(folder, `losses.json has no list "${name}" of ${numSteps} numbers, one per step`);
}

type JsonObject = Readonly<Record<string, unknown>>;

async function readObject(folder: string, file: string): Promise<JsonObject> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(join(folder, file), "utf8"));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return refuse(folder, `${file} cannot be read (${why})`, cause);
  }
  return isObject(value) ? value : refuse(folder, `${file} is not an object`);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isMatrix(value: unknown): value is readonly (readonly number[])[] {
  return Array.isArray(value) && value.every(isNumbers);
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((number) => typeof number === "number");
}

function refuse(folder: string, what: string, cause?: unknown): never {
  throw new TrainerError(
    "ERR_REFERENCE",
    `${folder} is not a reference folder that smallinit can check: ${what}. ` +
      "The format is described in test/fixtures/reference/README.md.",
    { cause },
  );
}
