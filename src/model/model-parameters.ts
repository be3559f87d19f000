import type { Tensor, Tensor1D, Tensor2D } from "@tensorflow/tfjs-core";
import { assert, defined } from "../base/assert.ts";
import type { ModelConfiguration } from "../configuration/configuration.ts";
import { parameterLayout } from "./parameter-layout.ts";

/** A linear layer, y = x Wᵀ + b. */
export interface LinearParameters {
  /** f32[out, in]. */
  readonly weight: Tensor2D;
  /** f32[out]; undefined where the model has no biases. */
  readonly bias: Tensor1D | undefined;
}

/** A LayerNorm's scale and shift, f32[C] each, and its ε. */
export interface NormParameters {
  readonly weight: Tensor1D;
  readonly bias: Tensor1D;
  readonly epsilon: number;
}

/** The four projections of an attention, f32[C, C] each. */
export interface AttentionParameters {
  readonly query: LinearParameters;
  readonly key: LinearParameters;
  readonly value: LinearParameters;
  readonly out: LinearParameters;
}

/** The feed-forward layer, in one of its two forms. */
export type FeedForwardParameters =
  | {
      readonly form: "geglu";
      readonly key: LinearParameters;
      readonly value: LinearParameters;
      readonly out: LinearParameters;
    }
  | { readonly form: "gelu"; readonly in: LinearParameters; readonly out: LinearParameters };

/** One transformer block. */
export interface BlockParameters {
  readonly ln1: NormParameters;
  readonly attn: AttentionParameters;
  readonly ln2: NormParameters;
  readonly ffn: FeedForwardParameters;
}

/** All parameters of a model under the names of the reference. */
export interface ModelParameters {
  /** f32[V, C]. */
  readonly embed: Tensor2D;
  /** f32[T, C]; undefined with rotary positions. */
  readonly pos: Tensor2D | undefined;
  /** The LayerNorm directly after the embedding; undefined without `embedNorm`. */
  readonly ln0: NormParameters | undefined;
  readonly blocks: readonly BlockParameters[];
  readonly lnOut: NormParameters;
  /** f32[V, C]. */
  readonly head: Tensor2D;
}

/**
 * Gives a list of tensors in layout order the names under which the model's equations use them.
 *
 * No tensor is copied or created: the result borrows those given.
 */
export function modelParameters(
  model: ModelConfiguration,
  tensors: readonly Tensor[],
): ModelParameters {
  const places = parameterLayout(model).tensors;
  assert(places.length === tensors.length, `${tensors.length} tensors for ${places.length} names`);
  const byName = new Map(places.map(({ name }, i) => [name, tensors[i]]));
  // The layout gives weights of linear layers two dimensions, and norms and biases one.
  const matrix = (name: string) => defined(byName.get(name), name) as Tensor2D;
  const vector = (name: string) => defined(byName.get(name), name) as Tensor1D;
  const norm = (name: string): NormParameters => ({
    weight: vector(`${name}.weight`),
    bias: vector(`${name}.bias`),
    epsilon: model.layerNormEpsilon,
  });
  const linear = (name: string): LinearParameters => ({
    weight: matrix(`${name}.weight`),
    bias: model.bias ? vector(`${name}.bias`) : undefined,
  });
  const feedForward = (name: string): FeedForwardParameters =>
    model.ffn === "geglu"
      ? {
          form: "geglu",
          key: linear(`${name}.key`),
          value: linear(`${name}.value`),
          out: linear(`${name}.out`),
        }
      : { form: "gelu", in: linear(`${name}.in`), out: linear(`${name}.out`) };
  const block = (name: string): BlockParameters => ({
    ln1: norm(`${name}.ln1`),
    attn: {
      query: linear(`${name}.attn.query`),
      key: linear(`${name}.attn.key`),
      value: linear(`${name}.attn.value`),
      out: linear(`${name}.attn.out`),
    },
    ln2: norm(`${name}.ln2`),
    ffn: feedForward(`${name}.ffn`),
  });
  return {
    embed: matrix("embed.weight"),
    pos: model.positions === "learned" ? matrix("pos.weight") : undefined,
    ln0: model.embedNorm ? norm("blocks.0.ln0") : undefined,
    blocks: Array.from({ length: model.numLayers }, (_, i) => block(`blocks.${i}`)),
    lnOut: norm("ln_out"),
    head: matrix("head.weight"),
  };
}
