import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { openSafetensors } from "../../src/checkpoint/safetensors-file.ts";
import { parameterLayout } from "../../src/model/parameter-layout.ts";
import { sampleModel } from "../reference/sample-model.ts";

const FIXTURES = [
  "pre-small-rotary-geglu",
  "pre-small-rotary-geglu-random",
  "post-small-rotary-geglu-random",
  "pre-base-learned-gelu-random",
];

describe("parameterLayout", () => {
  test.each(FIXTURES)("has the names and shapes of %s", async (fixture) => {
    const folder = fileURLToPath(new URL(`../fixtures/reference/${fixture}/`, import.meta.url));
    const { model } = JSON.parse(readFileSync(`${folder}config.json`, "utf8"));
    await using file = await openSafetensors(`${folder}params.safetensors`);
    const stored = file.tensors.map(({ name, shape }) => [name, shape]);
    const placed = parameterLayout(model).tensors.map(({ name, shape }) => [name, shape]);
    expect(Object.fromEntries(placed)).toEqual(Object.fromEntries(stored));
    expect(placed.length).toBe(stored.length);
  });

  test("places tensors one after another without gaps", () => {
    const { tensors, numParams } = parameterLayout(sampleModel({ positions: "learned" }));
    let end = 0;
    for (const { offset, length, shape } of tensors) {
      expect(offset).toBe(end);
      expect(length).toBe(shape.reduce((product, size) => product * size, 1));
      end += length;
    }
    expect(numParams).toBe(end);
  });

  test("lists tensors in the order in which the model uses them", () => {
    const model = sampleModel({ numLayers: 1, bias: false, positions: "learned" });
    expect(parameterLayout(model).tensors.map(({ name }) => name)).toEqual([
      "embed.weight",
      "pos.weight",
      ...["blocks.0.ln0.weight", "blocks.0.ln0.bias"],
      ...["blocks.0.ln1.weight", "blocks.0.ln1.bias"],
      ...["query", "key", "value", "out"].map((role) => `blocks.0.attn.${role}.weight`),
      ...["blocks.0.ln2.weight", "blocks.0.ln2.bias"],
      ...["key", "value", "out"].map((role) => `blocks.0.ffn.${role}.weight`),
      ...["ln_out.weight", "ln_out.bias"],
      "head.weight",
    ]);
  });

  test("lets the weights of the blocks' linear layers decay, and nothing else", () => {
    for (const ffn of ["geglu", "gelu"] as const) {
      const { tensors } = parameterLayout(sampleModel({ ffn, positions: "learned" }));
      for (const { name, decays } of tensors) {
        expect(decays, name).toBe(/\.(attn|ffn)\.\w+\.weight$/.test(name));
      }
    }
  });
});
