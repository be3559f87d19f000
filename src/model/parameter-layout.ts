import type { TensorPlace } from "../base/tensor-place.ts";
import type { ModelConfiguration } from "../configuration/configuration.ts";

/** Every parameter tensor of a model, in the order in which the flat vector holds them. */
export interface ParameterLayout {
  readonly tensors: readonly TensorPlace[];
  /** Floats of the flat vector: the sum of all lengths, without gaps. */
  readonly numParams: number;
}

/**
 * The names, shapes and places of a model's parameters, in the order in which the model uses them.
 *
 * Linear weights are [out, in]. Weight decay belongs to the weights of the attention's and the
 * feed-forward's linear layers alone: not to head, embedding, positions, norms or biases.
 */
export function parameterLayout(model: ModelConfiguration): ParameterLayout {
  const { vocabSize, contextLength, embeddingSize, numLayers } = model;
  const tensors: TensorPlace[] = [];
  let numParams = 0;
  function place(name: string, shape: readonly number[], decays = false): void {
    const length = shape.reduce((product, size) => product * size, 1);
    tensors.push({ name, shape, offset: numParams, length, decays });
    numParams += length;
  }
  function norm(name: string): void {
    place(`${name}.weight`, [embeddingSize]);
    place(`${name}.bias`, [embeddingSize]);
  }
  function linear(name: string, numInputs: number, numOutputs: number): void {
    place(`${name}.weight`, [numOutputs, numInputs], true);
    if (model.bias) place(`${name}.bias`, [numOutputs]);
  }

  place("embed.weight", [vocabSize, embeddingSize]);
  if (model.positions === "learned") place("pos.weight", [contextLength, embeddingSize]);
  for (let i = 0; i < numLayers; i++) {
    if (i === 0 && model.embedNorm) norm("blocks.0.ln0");
    norm(`blocks.${i}.ln1`);
    for (const role of ["query", "key", "value", "out"]) {
      linear(`blocks.${i}.attn.${role}`, embeddingSize, embeddingSize);
    }
    norm(`blocks.${i}.ln2`);
    for (const role of model.ffn === "geglu" ? ["key", "value"] : ["in"]) {
      linear(`blocks.${i}.ffn.${role}`, embeddingSize, model.ffnSize);
    }
    linear(`blocks.${i}.ffn.out`, model.ffnSize, embeddingSize);
  }
  norm("ln_out");
  place("head.weight", [vocabSize, embeddingSize]);
  return { tensors, numParams };
}
