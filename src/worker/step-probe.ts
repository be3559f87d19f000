import { defined } from "../base/assert.ts";
import type { TensorPlace } from "../base/tensor-place.ts";
import type { Kernels } from "../kernels/kernels.ts";

/** What a probe looks at after an update. */
export interface ProbedStep {
  /** Updates done, this one included. */
  readonly step: number;
  /** f32[numParams] on the kernels' memory: the gradient summed over `numTokens` tokens. */
  readonly gradientSum: Float32Array;
  readonly numTokens: number;
  /** f32[numParams], after the update. */
  readonly parameters: Float32Array;
}

/** What a probe found; one row of a file of probes. */
export interface ProbeRow {
  readonly step: number;
  /** L2 norm of the mean gradient before the clip, by group of parameters. */
  readonly gradientNorms: Readonly<Record<string, number>>;
  /** Cosine between a token's embedding and its start, mean over the vocabulary. */
  readonly embeddingCosine: number;
  /**
   * RMS of the embeddings as the first LayerNorm makes them, before its scale and shift; over the whole
   * vocabulary, learned positions left out.
   */
  readonly embeddingRms: number;
}

/** What a probe needs to know of the run. */
export interface ProbeSubject {
  readonly layout: readonly TensorPlace[];
  readonly kernels: Kernels;
  /** f32[V, C], as the run's seed made it. */
  readonly initialEmbedding: Float32Array;
  readonly layerNormEpsilon: number;
}

/** Looks at one step; reads alone, so the run's bits stay what they are. */
export function probeStep(subject: ProbeSubject, probed: ProbedStep): ProbeRow {
  const { layout, initialEmbedding, layerNormEpsilon } = subject;
  const now = embeddingOf(layout, probed.parameters);
  const numRows = embeddingPlace(layout).shape[0] ?? 0;
  const width = now.length / numRows;
  let [cosines, meanSquares] = [0, 0];
  for (let row = 0; row < numRows; row++) {
    const [start, end] = [row * width, (row + 1) * width];
    const vector = now.subarray(start, end);
    cosines += cosine(vector, initialEmbedding.subarray(start, end));
    const variance = varianceOf(vector);
    meanSquares += variance / (variance + layerNormEpsilon);
  }
  return {
    step: probed.step,
    gradientNorms: gradientNormsOf(subject, probed),
    embeddingCosine: cosines / numRows,
    embeddingRms: Math.sqrt(meanSquares / numRows),
  };
}

/** The part of a flat vector that belongs to the embedding, f32[V, C]; a view. */
export function embeddingOf(layout: readonly TensorPlace[], vector: Float32Array): Float32Array {
  const { offset, length } = embeddingPlace(layout);
  return vector.subarray(offset, offset + length);
}

function embeddingPlace(layout: readonly TensorPlace[]): TensorPlace {
  return defined(
    layout.find(({ name }) => name === "embed.weight"),
    "the embedding's place",
  );
}

/** The group of parameters to which a tensor of the layout belongs. */
export function parameterGroup(name: string): string {
  if (name === "embed.weight") return "embedding";
  if (name === "pos.weight") return "positions";
  if (name === "head.weight") return "head";
  if (name.includes(".attn.")) return "attention";
  if (name.includes(".ffn.")) return "feed-forward";
  return "norms";
}

function gradientNormsOf(
  { layout, kernels }: ProbeSubject,
  { gradientSum, numTokens }: ProbedStep,
): Record<string, number> {
  const squares: Record<string, number> = {};
  for (const { name, offset, length } of layout) {
    const group = parameterGroup(name);
    const own = kernels.sumOfSquares(gradientSum.subarray(offset, offset + length));
    squares[group] = (squares[group] ?? 0) + own;
  }
  const norms = Object.entries(squares).map(([group, sum]) => [group, Math.sqrt(sum) / numTokens]);
  return Object.fromEntries(norms);
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [product, squareA, squareB] = [0, 0, 0];
  for (const [i, x] of a.entries()) {
    const y = b[i] ?? 0;
    product += x * y;
    squareA += x * x;
    squareB += y * y;
  }
  return product / Math.sqrt(squareA * squareB);
}

function varianceOf(vector: Float32Array): number {
  let [sum, squares] = [0, 0];
  for (const x of vector) sum += x;
  const mean = sum / vector.length;
  for (const x of vector) squares += (x - mean) ** 2;
  return squares / vector.length;
}
