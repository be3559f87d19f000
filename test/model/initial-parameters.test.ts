import { describe, expect, test } from "vitest";
import type { ModelConfiguration } from "../../src/configuration/configuration.ts";
import { initialParameters } from "../../src/model/initial-parameters.ts";
import { parameterLayout } from "../../src/model/parameter-layout.ts";
import { sampleModel } from "../reference/sample-model.ts";

const model = sampleModel({ vocabSize: 200, embeddingSize: 64, numHeads: 4, ffnSize: 192 });

describe("initialParameters", () => {
  test("gives the same numbers for the same seed, and others for another", () => {
    expect(initialParameters(model, 7)).toEqual(initialParameters(model, 7));
    expect(initialParameters(model, 7)).not.toEqual(initialParameters(model, 8));
  });

  test("leaves nothing of what was in the vector that it fills", () => {
    const fresh = initialParameters(model, 7);
    expect(initialParameters(model, 7, new Float32Array(fresh.length).fill(9))).toEqual(fresh);
  });

  test("draws a small embedding uniformly from -1e-4 to 1e-4", () => {
    const { max, mean, deviation } = statistics(tensor(model, "embed.weight"));
    expect(max).toBeLessThanOrEqual(Math.fround(1e-4));
    expect(max).toBeGreaterThan(0.999e-4);
    // Of 12800 numbers; the standard error of the mean is 5e-7.
    expect(Math.abs(mean)).toBeLessThan(2e-6);
    expect(deviation / (1e-4 / Math.sqrt(3))).toBeCloseTo(1, 1);
  });

  test.each([
    ["head.weight", model],
    ["blocks.1.attn.query.weight", model],
    ["blocks.0.ffn.out.weight", model],
    ["embed.weight", { ...model, smallInit: false }],
  ])("draws %s from N(0, 0.02)", (name, configuration) => {
    const { max, mean, deviation } = statistics(tensor(configuration, name));
    expect(deviation / 0.02).toBeCloseTo(1, 1);
    expect(Math.abs(mean)).toBeLessThan(0.02 / 10);
    // Uniform numbers of this deviation would end at 0.035.
    expect(max).toBeGreaterThan(0.055);
  });

  test("starts scales of norms at 1, and biases and learned positions at 0", () => {
    const learned = { ...model, positions: "learned" as const };
    for (const { name } of parameterLayout(learned).tensors) {
      const values = new Set(tensor(learned, name));
      if (/ln[^.]*\.weight$/.test(name)) expect(values, name).toEqual(new Set([1]));
      if (name.endsWith(".bias") || name === "pos.weight") {
        expect(values, name).toEqual(new Set([0]));
      }
    }
  });

  test("draws each tensor from a stream of its own", () => {
    const other = { ...model, bias: false, positions: "learned" as const, embedNorm: false };
    for (const name of ["head.weight", "blocks.1.attn.key.weight", "embed.weight"]) {
      expect(tensor(other, name)).toEqual(tensor(model, name));
    }
    expect(tensor(model, "blocks.0.attn.key.weight")).not.toEqual(
      tensor(model, "blocks.1.attn.key.weight"),
    );
  });
});

function tensor(configuration: ModelConfiguration, name: string): Float32Array {
  const place = parameterLayout(configuration).tensors.find((one) => one.name === name);
  if (place === undefined) throw new Error(`no tensor ${name}`);
  return initialParameters(configuration, 1).slice(place.offset, place.offset + place.length);
}

function statistics(values: Float32Array) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance), max: Math.max(...values.map(Math.abs)) };
}
