import { assert } from "../base/assert.ts";
import { hash32, type Random, seededRandom } from "../base/random.ts";
import type { TensorPlace } from "../base/tensor-place.ts";
import type { ModelConfiguration } from "../configuration/configuration.ts";
import { parameterLayout } from "./parameter-layout.ts";

/** Standard deviation of linear layers, head and ordinary embeddings (GPT-2's). */
const DEVIATION = 0.02;
/** Bound of the small embedding: LayerNorm(SmallInit(Embedding)), as published. */
const SMALL_BOUND = 1e-4;
/** Keeps these streams apart from others of the same run's seed. */
const PURPOSE = hash32(0, [...new TextEncoder().encode("initial parameters")]);

/**
 * The parameters with which training starts: linears and head N(0, 0.02), biases and learned
 * positions 0, LayerNorms 1 and 0, the embedding U(−1e-4, 1e-4) with `smallInit`, else N(0, 0.02).
 *
 * Depends on `model` and `seed` alone. Every tensor draws from a stream of its own name, so an option
 * that adds or removes one tensor leaves the numbers of the others.
 *
 * @param parameters f32[numParams], overwritten; default: a new vector.
 * @returns `parameters`, in layout order.
 */
export function initialParameters(
  model: ModelConfiguration,
  seed: number,
  parameters: Float32Array = new Float32Array(parameterLayout(model).numParams),
): Float32Array {
  const { tensors, numParams } = parameterLayout(model);
  assert(parameters.length === numParams, `${parameters.length} of ${numParams} parameters`);
  for (const place of tensors) {
    const random = seededRandom(
      PURPOSE,
      seed,
      hash32(0, [...new TextEncoder().encode(place.name)]),
    );
    fill(parameters.subarray(place.offset, place.offset + place.length), place, model, random);
  }
  return parameters;
}

function fill(
  own: Float32Array,
  { name, shape }: TensorPlace,
  { smallInit }: ModelConfiguration,
  random: Random,
): void {
  if (name === "embed.weight" && smallInit) {
    for (let i = 0; i < own.length; i++) own[i] = (2 * random.uniform() - 1) * SMALL_BOUND;
  } else if (name === "pos.weight" || name.endsWith(".bias")) own.fill(0);
  // The only other vectors are the scales of LayerNorms.
  else if (shape.length === 1) own.fill(1);
  else random.fillNormal(own, DEVIATION);
}
