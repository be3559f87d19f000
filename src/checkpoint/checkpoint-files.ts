/** Parameters, under the names of the reference. */
export const MODEL_FILE = "model.safetensors";

/** First and second moments: see `firstMomentName` and `secondMomentName`. */
export const OPTIMIZER_FILE = "optimizer.safetensors";

/** The configuration: the keys under `model`, `training` and `fleet`. */
export const CONFIG_FILE = "config.json";

/** The tokenizer, as in the data folder; absent when the data have none. */
export const TOKENIZER_FILE = "tokenizer.json";

/** `step`, `parameterDigest` and whatever the run wants to find again, like `validationLoss`. */
export const STATE_FILE = "state.json";

/** PyTorch's name in the state of Adam, after that of the parameter. */
export function firstMomentName(parameter: string): string {
  return `${parameter}.exp_avg`;
}

/** PyTorch's name in the state of Adam, after that of the parameter. */
export function secondMomentName(parameter: string): string {
  return `${parameter}.exp_avg_sq`;
}
