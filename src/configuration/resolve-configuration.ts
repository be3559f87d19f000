import { TrainerError } from "../base/errors.ts";
import type { Configuration } from "./configuration.ts";
import { CONFIGURATION_KEYS, type ConfigurationKey } from "./keys.ts";
import { nearestName } from "./nearest-name.ts";

/**
 * Completes and checks a configuration.
 *
 * @param settings values by key, as read from presets, a file and `--set` (later ones win before they
 *   come here); `vocabSize` must be among them.
 * @throws {TrainerError} ERR_CONFIG_KEY on an unknown key, with the nearest valid name;
 *   ERR_CONFIG_VALUE on a value out of range or an impossible combination.
 */
export function resolveConfiguration(settings: Readonly<Record<string, unknown>>): Configuration {
  for (const key of Object.keys(settings)) checkKey(key);
  const entries = Object.entries(CONFIGURATION_KEYS).map(([key, rule]) => {
    const given = settings[key];
    const value = given === undefined ? rule.default : given;
    return [key, value === undefined ? undefined : rule.check(key, value)] as const;
  });
  const configuration = completed(Object.fromEntries(entries));
  checkCombinations(configuration);
  return configuration;
}

/**
 * A value of `--set key=value` in the type of its key.
 *
 * @throws {TrainerError} ERR_CONFIG_KEY, ERR_CONFIG_VALUE.
 */
export function parseSetting(key: string, text: string): unknown {
  return CONFIGURATION_KEYS[checkKey(key)].parse(key, text);
}

function checkKey(key: string): ConfigurationKey {
  if (Object.hasOwn(CONFIGURATION_KEYS, key)) return key as ConfigurationKey;
  const nearest = nearestName(key, Object.keys(CONFIGURATION_KEYS));
  throw new TrainerError(
    "ERR_CONFIG_KEY",
    `There is no configuration key "${key}". Did you mean "${nearest}"? ` +
      "The README lists all keys.",
  );
}

/** Fills in the defaults that depend on other keys. */
function completed(values: Record<string, unknown>): Configuration {
  // Each value was checked against its key's rule just before; what may be missing is filled here.
  const given = values as unknown as Partial<Configuration> & Configuration;
  if (values.vocabSize === undefined) {
    throw new TrainerError(
      "ERR_CONFIG_VALUE",
      "vocabSize is missing; give it with --set vocabSize=N.",
    );
  }
  return {
    ...given,
    ffnSize: values.ffnSize === undefined ? defaultFfnSize(given) : given.ffnSize,
    embedNorm:
      values.embedNorm === undefined ? given.norm === "pre" && given.smallInit : given.embedNorm,
    microBatchSize:
      values.microBatchSize === undefined
        ? defaultMicroBatchSize(given.batchSize)
        : given.microBatchSize,
    minLearningRate:
      values.minLearningRate === undefined ? given.learningRate / 10 : given.minLearningRate,
  };
}

function defaultFfnSize({ ffn, embeddingSize }: Configuration): number {
  return (ffn === "geglu" ? 3 : 4) * embeddingSize;
}

/** Eight leaves a step where the batch divides so: enough to feed a small fleet evenly. */
function defaultMicroBatchSize(batchSize: number): number {
  for (const numLeaves of [8, 4, 2]) {
    if (batchSize % numLeaves === 0) return batchSize / numLeaves;
  }
  return 1;
}

function checkCombinations(configuration: Configuration): void {
  const { embeddingSize, numHeads, batchSize, microBatchSize, positions } = configuration;
  const headSize = embeddingSize / numHeads;
  if (!Number.isInteger(headSize)) {
    refuse(
      `embeddingSize ${embeddingSize} is not a multiple of numHeads ${numHeads}. ` +
        `Set embeddingSize to ${numHeads * Math.max(1, Math.round(headSize))} or choose another numHeads.`,
    );
  }
  const rotaryDimensions = Math.floor(headSize / 2);
  if (positions === "rotary" && (rotaryDimensions % 2 !== 0 || rotaryDimensions === 0)) {
    refuse(
      `Rotary positions turn half of each head's ${headSize} dimensions in pairs, and ` +
        `${rotaryDimensions} is not a positive even number. Use heads of 4, 8, 12, ... dimensions ` +
        "or positions=learned.",
    );
  }
  if (batchSize % microBatchSize !== 0) {
    refuse(
      `batchSize ${batchSize} is not a multiple of microBatchSize ${microBatchSize}. ` +
        "A step must consist of whole leaves; change one of the two.",
    );
  }
  const { engine, precision } = configuration;
  if (precision === "bf16" && (engine === "onnx" || engine === "tfjs")) {
    refuse(
      `precision bf16 is not a thing of the engine ${engine}, which multiplies in f32 alone. ` +
        "Set engine=tensorflow or precision=f32.",
    );
  }
  const { learningRate, minLearningRate, warmupSteps, steps } = configuration;
  if (minLearningRate > learningRate) {
    refuse(`minLearningRate ${minLearningRate} is above learningRate ${learningRate}.`);
  }
  if (warmupSteps > steps) refuse(`warmupSteps ${warmupSteps} is more than steps ${steps}.`);
  // One more token than positions is read of each sequence: the last target.
  const tokensPerStep = batchSize * (configuration.contextLength + 1);
  if (tokensPerStep > MAX_TOKENS_PER_STEP) {
    refuse(
      `batchSize ${batchSize} of contextLength ${configuration.contextLength} reads ` +
        `${tokensPerStep} tokens a step; the limit is ${MAX_TOKENS_PER_STEP}. Lower one of the two.`,
    );
  }
}

/** A step's tokens travel in messages of bounded size (protocol/limits.ts). */
const MAX_TOKENS_PER_STEP = 2 ** 22;

function refuse(message: string): never {
  throw new TrainerError("ERR_CONFIG_VALUE", message);
}
