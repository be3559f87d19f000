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
 * @returns f32[numParams] in layout order.
 */
export function initialParameters(model: ModelConfiguration, seed: number): Float32Array {
  const { tensors, numParams } = parameterLayout(model);
  const parameters = new Float32Array(numParams);
  for (const place of tensors) {
    const random = seededRandom(
      PURPOSE,
      seed,
      hash32(0, [...new TextEncoder().encode(place.name)]),
    );
    const draw = drawFor(place, model, random);
    const own = parameters.subarray(place.offset, place.offset + place.length);
    for (let i = 0; i < own.length; i++) own[i] = draw();
  }
  return parameters;
}

function drawFor(place: TensorPlace, model: ModelConfiguration, random: Random): () => number {
  const { name, shape } = place;
  if (name === "embed.weight" && model.smallInit) {
    return () => (2 * random.uniform() - 1) * SMALL_BOUND;
  }
  if (name === "pos.weight" || name.endsWith(".bias")) return () => 0;
  // The only other vectors are the scales of LayerNorms.
  return shape.length === 1 ? () => 1 : () => DEVIATION * random.normal();
}
