import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { leavesPerStep, modelOf, sectionsOf } from "../../src/configuration/configuration.ts";
import { CONFIGURATION_KEYS } from "../../src/configuration/keys.ts";
import { PRESETS } from "../../src/configuration/presets.ts";
import {
  parseSetting,
  resolveConfiguration,
} from "../../src/configuration/resolve-configuration.ts";

const BASE = { vocabSize: 65 };

describe("defaults", () => {
  test("complete a configuration from the vocabulary alone", () => {
    const configuration = resolveConfiguration(BASE);
    expect(new Set(Object.keys(configuration))).toEqual(new Set(Object.keys(CONFIGURATION_KEYS)));
    expect(Object.values(configuration)).not.toContain(undefined);
  });

  test.each([
    { given: { ffn: "geglu", embeddingSize: 64 }, expected: { ffnSize: 192 } },
    { given: { ffn: "gelu", embeddingSize: 64 }, expected: { ffnSize: 256 } },
    { given: { ffnSize: 100 }, expected: { ffnSize: 100 } },
    { given: { norm: "pre", smallInit: true }, expected: { embedNorm: true } },
    { given: { norm: "pre", smallInit: false }, expected: { embedNorm: false } },
    { given: { norm: "post", smallInit: true }, expected: { embedNorm: false } },
    { given: { norm: "post", embedNorm: true }, expected: { embedNorm: true } },
    { given: { batchSize: 32 }, expected: { microBatchSize: 4 } },
    { given: { batchSize: 12 }, expected: { microBatchSize: 3 } },
    { given: { batchSize: 6 }, expected: { microBatchSize: 3 } },
    { given: { batchSize: 7 }, expected: { microBatchSize: 1 } },
    { given: { batchSize: 1 }, expected: { microBatchSize: 1 } },
    { given: { learningRate: 0.5 }, expected: { minLearningRate: 0.05 } },
    { given: { learningRate: 0.5, minLearningRate: 0 }, expected: { minLearningRate: 0 } },
    { given: { learningRate: undefined }, expected: { learningRate: 1e-3 } },
  ])("follow from other keys: $given gives $expected", ({ given, expected }) => {
    expect(resolveConfiguration({ ...BASE, ...given })).toMatchObject(expected);
  });

  test.each(Object.keys(PRESETS))("of preset %s go together", (name) => {
    const preset = PRESETS[name as keyof typeof PRESETS];
    expect(resolveConfiguration({ ...BASE, ...preset })).toMatchObject(preset);
  });
});

test("completes what is complete to itself", () => {
  const settings = fc.record(
    {
      batchSize: fc.integer({ min: 1, max: 2 ** 20 }),
      contextLength: fc.integer({ min: 1, max: 3 }),
      numHeads: fc.integer({ min: 1, max: 64 }),
      ffn: fc.constantFrom("geglu", "gelu"),
      norm: fc.constantFrom("pre", "post"),
      smallInit: fc.boolean(),
      learningRate: fc.double({ min: 0, max: 10, noNaN: true }),
    },
    { requiredKeys: ["contextLength"] },
  );
  fc.assert(
    fc.property(settings, ({ batchSize = 8, numHeads = 4, ...rest }) => {
      const given = { ...BASE, ...rest, numHeads, embeddingSize: 8 * numHeads, batchSize };
      const configuration = resolveConfiguration(given);
      expect(resolveConfiguration({ ...configuration })).toEqual(configuration);
      expect(Number.isInteger(leavesPerStep(configuration))).toBe(true);
    }),
    { seed: 1 },
  );
});

test("consists of model, training and fleet, and of nothing else", () => {
  const configuration = resolveConfiguration(BASE);
  const { model, training, fleet } = sectionsOf(configuration);
  expect({ ...model, ...training, ...fleet }).toEqual(configuration);
  expect(model).toEqual(modelOf(configuration));
  const numKeys = [model, training, fleet].map((section) => Object.keys(section).length);
  expect(numKeys).toEqual([13, 15, 4]);
});

test.each([
  { key: "learning_rate", nearest: "learningRate" },
  { key: "heads", nearest: "numHeads" },
  { key: "toString", nearest: "" },
  { key: "constructor", nearest: "" },
  { key: "__proto__", nearest: "" },
])("refuses the unknown key $key and offers the nearest", ({ key, nearest }) => {
  const settings = JSON.parse(`{"vocabSize": 65, ${JSON.stringify(key)}: 1}`);
  const refusal = expect.objectContaining({
    code: "ERR_CONFIG_KEY",
    message: expect.stringMatching(new RegExp(`"${key}". Did you mean "${nearest}`)),
  });
  expect(() => resolveConfiguration(settings)).toThrowError(refusal);
  expect(() => parseSetting(key, "1")).toThrowError(refusal);
});

test.each([
  [{ vocabSize: undefined }, "vocabSize is missing"],
  [{ vocabSize: 1 }, "vocabSize is 1, but must be a whole number from 2 to 16777216"],
  [{ batchSize: 0 }, "batchSize is 0, but"],
  [{ batchSize: 1.5 }, "batchSize is 1.5, but must be a whole number"],
  [{ batchSize: "8" }, 'batchSize is "8", but'],
  [{ batchSize: null }, "batchSize is null, but"],
  [{ batchSize: [8] }, "batchSize is [8], but"],
  [{ batchSize: 8n }, "batchSize is 8, but"],
  [{ learningRate: Number.NaN }, "learningRate is NaN, but must be a number from 0 to 10"],
  [{ learningRate: Number.POSITIVE_INFINITY }, "learningRate is Infinity, but"],
  [{ learningRate: -1e-3 }, "learningRate is -0.001, but"],
  [{ beta2: 1 }, "beta2 is 1, but"],
  [{ epsilon: 0 }, "epsilon is 0, but"],
  [{ gradientClip: 0 }, "gradientClip is 0, but"],
  [{ smallInit: "yes" }, 'smallInit is "yes", but must be true or false'],
  [{ smallInit: 1 }, "smallInit is 1, but must be true or false"],
  [{ norm: "Pre" }, 'norm is "Pre", but must be pre or post. Did you mean pre?'],
  [{ engine: "jax" }, 'engine is "jax", but must be auto or onnx or tensorflow or tfjs'],
  [{ engine: "onnx", precision: "bf16" }, "Set engine=tensorflow or precision=f32"],
  [{ engine: "tfjs", precision: "bf16" }, "Set engine=tensorflow or precision=f32"],
  [{ positions: true }, "positions is true, but must be rotary or learned."],
  // Impossible together.
  [{ embeddingSize: 30, numHeads: 4 }, "Set embeddingSize to 32 or choose another numHeads"],
  [{ embeddingSize: 2, numHeads: 4 }, "Set embeddingSize to 4 or choose"],
  [{ embeddingSize: 24, numHeads: 4 }, "each head's 6 dimensions in pairs, and 3 is not"],
  [{ embeddingSize: 4, numHeads: 4 }, "each head's 1 dimensions in pairs, and 0 is not"],
  [{ batchSize: 12, microBatchSize: 8 }, "batchSize 12 is not a multiple of microBatchSize 8"],
  [{ batchSize: 4, microBatchSize: 8 }, "batchSize 4 is not a multiple of microBatchSize 8"],
  [{ learningRate: 1e-4, minLearningRate: 1e-3 }, "minLearningRate 0.001 is above learningRate"],
  [{ steps: 10, warmupSteps: 11 }, "warmupSteps 11 is more than steps 10"],
  // With the last target of each sequence, these are too many for one message by one sequence.
  [{ batchSize: 2 ** 12, contextLength: 2 ** 10 }, "4198400 tokens a step; the limit is 4194304"],
  [{ batchSize: 2 ** 20, contextLength: 4 }, "5242880 tokens a step"],
])("refuses %o: %s", (settings, message) => {
  expect(() => resolveConfiguration({ ...BASE, ...settings })).toThrowError(
    expect.objectContaining({
      code: "ERR_CONFIG_VALUE",
      message: expect.stringContaining(message),
    }),
  );
});

test("takes heads that learned positions can have and rotary ones cannot", () => {
  const settings = { ...BASE, embeddingSize: 24, numHeads: 4, positions: "learned" };
  expect(resolveConfiguration(settings)).toMatchObject({ embeddingSize: 24, numHeads: 4 });
});

describe("the text of a setting", () => {
  test.each([
    ["batchSize", "8", 8],
    ["batchSize", " 1_024 ", 1024],
    ["steps", "2e3", 2000],
    ["learningRate", "4e-4", 4e-4],
    ["warmupSteps", "0", 0],
    ["smallInit", "on", true],
    ["smallInit", "false", false],
    ["norm", "post", "post"],
  ])("%s=%s means %o", (key, text, value) => {
    expect(parseSetting(key, text)).toBe(value);
  });

  test.each([
    ["batchSize", "", 'batchSize is "", but must be a whole number'],
    ["warmupSteps", "_", 'warmupSteps is "_", but'],
    ["warmupSteps", "  ", 'warmupSteps is "  ", but'],
    ["batchSize", "many", 'batchSize is "many", but'],
    ["batchSize", "8.5", 'batchSize is "8.5", but'],
    ["learningRate", "1e-3x", 'learningRate is "1e-3x", but'],
    ["learningRate", "Infinity", 'learningRate is "Infinity", but'],
    ["smallInit", "yes", 'smallInit is "yes", but must be true or false'],
    ["norm", "mid", 'norm is "mid", but must be pre or post'],
  ])("%s=%s is refused", (key, text, message) => {
    expect(() => parseSetting(key, text)).toThrowError(
      expect.objectContaining({
        code: "ERR_CONFIG_VALUE",
        message: expect.stringContaining(message),
      }),
    );
  });
});
