import { TrainerError } from "../base/errors.ts";
import type { Configuration } from "./configuration.ts";
import { nearestName } from "./nearest-name.ts";

/** What one configuration key accepts. */
export interface KeyRule {
  /** Value when not given; undefined where it follows from other keys or from the data. */
  readonly default: unknown;
  /** One line for the README and `--help`. */
  readonly help: string;
  /** What is accepted, in words. */
  readonly accepts: string;
  /** Gives `value` back when accepted. @throws {TrainerError} ERR_CONFIG_VALUE. */
  check(key: string, value: unknown): unknown;
  /** Reads the text of `--set`. @throws {TrainerError} ERR_CONFIG_VALUE. */
  parse(key: string, text: string): unknown;
}

/** A name of a configuration key. */
export type ConfigurationKey = keyof Configuration;

const NO_DEFAULT = undefined;

/** All configuration keys, in the order of the README's table. */
export const CONFIGURATION_KEYS: Readonly<Record<ConfigurationKey, KeyRule>> = {
  vocabSize: integer(NO_DEFAULT, 2, 2 ** 24, "number of token ids; the data's unless given"),
  contextLength: integer(128, 1, 2 ** 16, "longest sequence, in tokens"),
  embeddingSize: integer(256, 2, 2 ** 15, "width of the model; a multiple of numHeads"),
  numHeads: integer(4, 1, 1024, "attention heads per layer"),
  numLayers: integer(4, 1, 1024, "blocks"),
  ffn: choice("geglu", ["geglu", "gelu"], "feed-forward kind: geglu (erf) or gelu (tanh)"),
  ffnSize: integer(
    NO_DEFAULT,
    1,
    2 ** 17,
    "feed-forward width; 3 x embeddingSize for geglu, 4 x for gelu",
  ),
  positions: choice("rotary", ["rotary", "learned"], "how positions enter"),
  norm: choice("pre", ["pre", "post"], "LayerNorm before (pre) or on (post) the residual stream"),
  smallInit: flag(true, "start the embedding from U(-1e-4, 1e-4) instead of N(0, 0.02)"),
  embedNorm: flag(NO_DEFAULT, "LayerNorm after the embedding; on when norm=pre and smallInit"),
  layerNormEpsilon: real(1e-5, 1e-12, 1, "added to the variance in every LayerNorm"),
  bias: flag(true, "biases in the linear layers of the blocks"),
  batchSize: integer(32, 1, 2 ** 20, "sequences per step"),
  microBatchSize: integer(
    NO_DEFAULT,
    1,
    2 ** 20,
    "sequences per leaf, the unit of work; batchSize / 8 where that is whole",
  ),
  steps: integer(1000, 1, 2 ** 31 - 1, "optimizer updates of the whole run"),
  learningRate: real(1e-3, 0, 10, "highest learning rate"),
  minLearningRate: real(NO_DEFAULT, 0, 10, "learning rate of the last step; learningRate / 10"),
  warmupSteps: integer(0, 0, 2 ** 31 - 1, "steps of linear warmup"),
  beta1: real(0.9, 0, 0.999999, "AdamW: decay of the first moment"),
  beta2: real(0.99, 0, 0.99999999, "AdamW: decay of the second moment"),
  epsilon: real(1e-8, 1e-30, 1, "AdamW: added to the denominator"),
  weightDecay: real(0.1, 0, 10, "decoupled weight decay of the blocks' linear weights"),
  gradientClip: real(1, 1e-12, 1e12, "largest global gradient norm"),
  seed: integer(1, 0, 2 ** 32 - 1, "of the initial parameters and of the order of samples"),
  evaluateEvery: integer(0, 0, 2 ** 31 - 1, "steps between evaluations; 0: only at the end"),
  checkpointEvery: integer(0, 0, 2 ** 31 - 1, "steps between checkpoints; 0: only at the end"),
  maxSkippedSteps: integer(
    10,
    0,
    2 ** 31 - 1,
    "steps in a row skipped for a NaN or infinite gradient; the next ends the run",
  ),
  precision: choice("f32", ["f32", "bf16"], "of matrix products"),
  engine: choice("auto", ["auto", "onnx", "tensorflow", "tfjs"], "what computes gradients"),
  allReduce: choice(
    "mesh",
    ["mesh", "star"],
    "gradients go between workers (mesh) or through the coordinator (star)",
  ),
  wire: choice(
    "f32",
    ["f32", "bf16"],
    "gradients on the wire: f32, or bf16 for half the bytes (bits then depend on the fleet)",
  ),
};

function integer(standard: number | undefined, min: number, max: number, help: string): KeyRule {
  return numeric(
    standard,
    help,
    `a whole number from ${min} to ${max}`,
    (value) => Number.isInteger(value) && value >= min && value <= max,
  );
}

function real(standard: number | undefined, min: number, max: number, help: string): KeyRule {
  return numeric(
    standard,
    help,
    `a number from ${min} to ${max}`,
    (value) => Number.isFinite(value) && value >= min && value <= max,
  );
}

function numeric(
  standard: number | undefined,
  help: string,
  accepts: string,
  isAccepted: (value: number) => boolean,
): KeyRule {
  function check(key: string, value: unknown): number {
    if (typeof value === "number" && isAccepted(value)) return value;
    return refuse(key, value, accepts);
  }
  function parse(key: string, text: string): number {
    const digits = text.replaceAll("_", "").trim();
    // Number("") is 0: an empty text must not pass for a number.
    const value = digits === "" ? Number.NaN : Number(digits);
    return isAccepted(value) ? value : refuse(key, text, accepts);
  }
  return { default: standard, help, accepts, check, parse };
}

function flag(standard: boolean | undefined, help: string): KeyRule {
  const accepts = "true or false";
  return {
    default: standard,
    help,
    accepts,
    check: (key, value) => (typeof value === "boolean" ? value : refuse(key, value, accepts)),
    parse(key, text) {
      if (text === "true" || text === "on") return true;
      if (text === "false" || text === "off") return false;
      return refuse(key, text, accepts);
    },
  };
}

function choice(standard: string, names: readonly string[], help: string): KeyRule {
  const accepts = names.join(" or ");
  function check(key: string, value: unknown): string {
    if (typeof value === "string" && names.includes(value)) return value;
    const nearest = typeof value === "string" ? nearestName(value, names) : undefined;
    return refuse(key, value, accepts, nearest);
  }
  return { default: standard, help, accepts, check, parse: check };
}

function refuse(key: string, value: unknown, accepts: string, nearest?: string): never {
  const hint = nearest === undefined ? "" : ` Did you mean ${nearest}?`;
  throw new TrainerError(
    "ERR_CONFIG_VALUE",
    `${key} is ${shown(value)}, but must be ${accepts}.${hint}`,
  );
}

/** JSON knows neither NaN nor infinity, which YAML files can hold. */
function shown(value: unknown): string {
  return typeof value === "object" || typeof value === "string"
    ? JSON.stringify(value)
    : String(value);
}
