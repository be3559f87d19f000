import { type Random, seededRandom } from "../../src/base/random.ts";
import type { TensorPlace } from "../../src/base/tensor-place.ts";
import type { ModelConfiguration } from "../../src/configuration/configuration.ts";
import type { TokenBlock } from "../../src/engine/engine.ts";
import { parameterLayout } from "../../src/model/parameter-layout.ts";
import { type FloatParameters, floatLossSum } from "./float-model.ts";

/** A model small enough for the oracle's finite differences, with every kind of tensor. */
export function sampleModel(changes: Partial<ModelConfiguration> = {}): ModelConfiguration {
  return {
    ...{ vocabSize: 11, contextLength: 6, embeddingSize: 16, numHeads: 2, numLayers: 2 },
    ...{ ffn: "geglu", ffnSize: 20, positions: "rotary", norm: "pre" },
    ...{ smallInit: true, embedNorm: true, layerNormEpsilon: 1e-5, bias: true },
    ...changes,
  };
}

/**
 * Parameters far from every special value: N(0, 0.2), scales of norms around 1; f32[numParams].
 * At the model's own initialisation most gradients are too near zero to tell right from wrong.
 */
export function sampleParameters(model: ModelConfiguration, seed = 1): Float32Array {
  const random = seededRandom(seed);
  const { tensors, numParams } = parameterLayout(model);
  const parameters = new Float32Array(numParams);
  for (const { name, offset, length } of tensors) {
    const isScale = /\bln[^.]*\.weight$/.test(name);
    for (let i = offset; i < offset + length; i++) {
      parameters[i] = isScale ? 1 + 0.1 * random.normal() : 0.2 * random.normal();
    }
  }
  return parameters;
}

/** A block of random tokens; some ids repeat and some are missing. */
export function sampleBlock(
  { vocabSize, contextLength }: ModelConfiguration,
  { numSequences = 2, length = contextLength, seed = 2 } = {},
): TokenBlock {
  const random: Random = seededRandom(seed);
  const tokens = Int32Array.from({ length: numSequences * (length + 1) }, () =>
    Math.floor(random.uniform() ** 2 * vocabSize),
  );
  return { numSequences, length, tokens };
}

/** The same numbers by name, as the oracle takes them. */
export function floatParameters(
  model: ModelConfiguration,
  parameters: ArrayLike<number>,
): FloatParameters {
  const values = Float64Array.from(parameters);
  const parts = parameterLayout(model).tensors.map(
    ({ name, offset, length }) => [name, values.subarray(offset, offset + length)] as const,
  );
  return new Map(parts);
}

/** The rows of a block as the oracle takes them. */
export function blockRows({ numSequences, length, tokens }: TokenBlock) {
  return Array.from({ length: numSequences }, (_, row) => {
    const start = row * (length + 1);
    const ids = [...tokens.subarray(start, start + length + 1)];
    return { inputs: ids.slice(0, -1), targets: ids.slice(1) };
  });
}

/** The oracle's loss sum of a block. */
export function oracleLoss(
  model: ModelConfiguration,
  parameters: ArrayLike<number>,
  block: TokenBlock,
): number {
  const named = floatParameters(model, parameters);
  return blockRows(block).reduce(
    (sum, { inputs, targets }) => sum + floatLossSum(model, named, inputs, targets),
    0,
  );
}

/** An element of the flat vector, with its derivative. */
export interface Slope {
  readonly place: TensorPlace;
  readonly index: number;
  readonly slope: number;
}

/** Central differences of the oracle's loss sum for a few random elements of every tensor. */
export function oracleSlopes(
  model: ModelConfiguration,
  parameters: Float32Array,
  block: TokenBlock,
  numPerTensor = 2,
): Slope[] {
  const random = seededRandom(3);
  const step = 1e-4; // The error of a central difference, step², is then below f32's.
  return parameterLayout(model).tensors.flatMap((place) =>
    Array.from({ length: numPerTensor }, () => {
      const index = place.offset + Math.floor(random.uniform() * place.length);
      const lossAt = (shift: number) => {
        const shifted = Float64Array.from(parameters);
        shifted[index] = (shifted[index] ?? 0) + shift;
        return oracleLoss(model, shifted, block);
      };
      return { place, index, slope: (lossAt(step) - lossAt(-step)) / (2 * step) };
    }),
  );
}
