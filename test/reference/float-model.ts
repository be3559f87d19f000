import type { ModelConfiguration } from "../../src/configuration/configuration.ts";
import { errorFunction } from "./error-function.ts";

/** Parameters by the names of the reference, row-major f64. */
export type FloatParameters = ReadonlyMap<string, Float64Array>;

type Row = Float64Array;

/**
 * The logits of one sequence, f64[T][V], by plain loops over numbers.
 *
 * Written from the reference's description alone, and slow on purpose: it shares no code with the
 * model that it judges.
 */
export function floatLogits(
  model: ModelConfiguration,
  parameters: FloatParameters,
  tokens: readonly number[],
): Row[] {
  const { numLayers, norm, embedNorm, positions, layerNormEpsilon: epsilon } = model;
  const weights = named(parameters);
  let x = tokens.map((token) => rowOf(weights("embed.weight"), token, model.embeddingSize));
  if (positions === "learned") {
    x = x.map((row, t) => plus(row, rowOf(weights("pos.weight"), t, model.embeddingSize)));
  }
  if (embedNorm) x = layerNorm(parameters, epsilon, "blocks.0.ln0", x);
  for (let i = 0; i < numLayers; i++) {
    const name = `blocks.${i}`;
    const attend = (y: Row[]) => attention(model, parameters, `${name}.attn`, y);
    const feed = (y: Row[]) => feedForward(model, parameters, `${name}.ffn`, y);
    if (norm === "pre") {
      x = addRows(x, attend(layerNorm(parameters, epsilon, `${name}.ln1`, x)));
      x = addRows(x, feed(layerNorm(parameters, epsilon, `${name}.ln2`, x)));
    } else {
      x = layerNorm(parameters, epsilon, `${name}.ln1`, x);
      x = addRows(x, attend(x));
      x = layerNorm(parameters, epsilon, `${name}.ln2`, x);
      x = addRows(x, feed(x));
    }
  }
  return linear(parameters, "head", layerNorm(parameters, epsilon, "ln_out", x));
}

/** The sum of the cross entropies of one sequence, in nats. */
export function floatLossSum(
  model: ModelConfiguration,
  parameters: FloatParameters,
  inputs: readonly number[],
  targets: readonly number[],
): number {
  const logits = floatLogits(model, parameters, inputs);
  let sum = 0;
  for (const [t, row] of logits.entries()) {
    const max = Math.max(...row);
    const total = row.reduce((s, z) => s + Math.exp(z - max), 0);
    sum += max + Math.log(total) - at(row, targets[t] ?? -1);
  }
  return sum;
}

function attention(
  model: ModelConfiguration,
  parameters: FloatParameters,
  name: string,
  x: Row[],
): Row[] {
  const { embeddingSize, numHeads } = model;
  const headSize = embeddingSize / numHeads;
  const query = linear(parameters, `${name}.query`, x);
  const key = linear(parameters, `${name}.key`, x);
  const value = linear(parameters, `${name}.value`, x);
  const mixed = x.map(() => new Float64Array(embeddingSize));
  for (let head = 0; head < numHeads; head++) {
    const start = head * headSize;
    const part = (row: Row) => row.slice(start, start + headSize);
    const turned = (row: Row, t: number) =>
      model.positions === "rotary" ? rotary(part(row), t) : part(row);
    const queries = query.map(turned);
    const keys = key.map(turned);
    for (let t = 0; t < x.length; t++) {
      const scores: number[] = [];
      for (let s = 0; s <= t; s++) {
        scores.push(dot(queries[t] as Row, keys[s] as Row) / Math.sqrt(headSize));
      }
      const max = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - max));
      const total = weights.reduce((a, b) => a + b, 0);
      for (let s = 0; s <= t; s++) {
        for (let d = 0; d < headSize; d++) {
          const share = ((weights[s] as number) / total) * at(value[s] as Row, start + d);
          (mixed[t] as Row)[start + d] = at(mixed[t] as Row, start + d) + share;
        }
      }
    }
  }
  return linear(parameters, `${name}.out`, mixed);
}

function rotary(x: Row, t: number): Row {
  const numRotary = Math.floor(x.length / 2);
  const half = numRotary / 2;
  const y = x.slice();
  for (let j = 0; j < half; j++) {
    const angle = t * 10_000 ** ((-2 * j) / numRotary);
    y[j] = at(x, j) * Math.cos(angle) - at(x, j + half) * Math.sin(angle);
    y[j + half] = at(x, j + half) * Math.cos(angle) + at(x, j) * Math.sin(angle);
  }
  return y;
}

function feedForward(
  model: ModelConfiguration,
  parameters: FloatParameters,
  name: string,
  x: Row[],
): Row[] {
  if (model.ffn === "gelu") {
    const hidden = linear(parameters, `${name}.in`, x).map((row) => row.map(tanhGelu));
    return linear(parameters, `${name}.out`, hidden);
  }
  const gates = linear(parameters, `${name}.key`, x).map((row) => row.map(exactGelu));
  const values = linear(parameters, `${name}.value`, x);
  const hidden = gates.map((row, t) => row.map((gate, c) => gate * at(values[t] as Row, c)));
  return linear(parameters, `${name}.out`, hidden);
}

function exactGelu(z: number): number {
  return (z / 2) * (1 + errorFunction(z / Math.SQRT2));
}

function tanhGelu(z: number): number {
  return (z / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z ** 3)));
}

function layerNorm(parameters: FloatParameters, epsilon: number, name: string, x: Row[]): Row[] {
  const weight = named(parameters)(`${name}.weight`);
  const bias = named(parameters)(`${name}.bias`);
  return x.map((row) => {
    const mean = row.reduce((a, b) => a + b, 0) / row.length;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length;
    return row.map(
      (value, c) => ((value - mean) / Math.sqrt(variance + epsilon)) * at(weight, c) + at(bias, c),
    );
  });
}

function linear(parameters: FloatParameters, name: string, x: Row[]): Row[] {
  const weight = named(parameters)(`${name}.weight`);
  const bias = parameters.get(`${name}.bias`);
  return x.map((row) => {
    const numOutputs = weight.length / row.length;
    return Float64Array.from({ length: numOutputs }, (_, o) => {
      const product = dot(rowOf(weight, o, row.length), row);
      return bias === undefined ? product : product + at(bias, o);
    });
  });
}

function named(parameters: FloatParameters): (name: string) => Row {
  return (name) => {
    const values = parameters.get(name);
    if (values === undefined) throw new Error(`the oracle has no ${name}`);
    return values;
  };
}

function rowOf(matrix: Row, row: number, length: number): Row {
  return matrix.subarray(row * length, (row + 1) * length);
}

function addRows(a: Row[], b: Row[]): Row[] {
  return a.map((row, t) => plus(row, b[t] as Row));
}

function plus(a: Row, b: Row): Row {
  return a.map((value, c) => value + at(b, c));
}

function dot(a: Row, b: Row): number {
  return a.reduce((sum, value, c) => sum + value * at(b, c), 0);
}

function at(row: Row, index: number): number {
  const value = row[index];
  if (value === undefined) throw new Error(`the oracle reads element ${index} of ${row.length}`);
  return value;
}
