import { describe, expect, test } from "vitest";
import type { ModelConfiguration } from "../../src/configuration/configuration.ts";
import type { Engine, TokenBlock } from "../../src/engine/engine.ts";
import { parameterLayout } from "../../src/model/parameter-layout.ts";
import { floatLogits } from "../reference/float-model.ts";
import {
  blockRows,
  floatParameters,
  oracleLoss,
  oracleSlopes,
  sampleBlock,
  sampleModel,
  sampleParameters,
} from "../reference/sample-model.ts";

/** Every option of the model at least once in each of its values. */
const VARIANTS: readonly (readonly [string, ModelConfiguration])[] = [
  ["pre, rotary, geglu, biases, norm after the embedding", sampleModel()],
  ["post, rotary, geglu, biases", sampleModel({ norm: "post", embedNorm: false })],
  [
    "pre, learned, gelu, no biases, no norm after the embedding",
    sampleModel({ ...{ positions: "learned", ffn: "gelu" }, ...{ bias: false, embedNorm: false } }),
  ],
  ["pre, with another epsilon", sampleModel({ layerNormEpsilon: 1e-3 })],
  // Both forms of norm after the embedding at once: nobody's default, and still defined.
  [
    "post, learned, gelu, biases, norm after the embedding",
    sampleModel({ norm: "post", positions: "learned", ffn: "gelu", smallInit: false }),
  ],
  // A head that is the whole width, a single layer, sizes that are no multiples of a vector register.
  [
    "one head of 12, one layer, no biases, odd sizes",
    sampleModel({ numHeads: 1, embeddingSize: 12, numLayers: 1, ffnSize: 7, bias: false }),
  ],
];

/** f32 arithmetic, and erf by an approximation of 1.5e-7 in one of the engines. */
const TOLERANCE = 2e-5;

/**
 * What every engine must do, checked against the f64 oracle.
 *
 * @param create a new engine for a model; the suite disposes of it.
 */
export function engineContract(
  name: string,
  create: (model: ModelConfiguration) => Promise<Engine>,
): void {
  async function filled(model: ModelConfiguration, parameters = sampleParameters(model)) {
    const engine = await create(model);
    engine.putParameters(parameters);
    return engine;
  }
  async function gradientOf(engine: Engine, model: ModelConfiguration, block: TokenBlock) {
    // Not zeros: an engine that adds to what was there is found.
    const gradient = new Float32Array(parameterLayout(model).numParams).fill(7);
    const loss = await engine.gradient(block, gradient);
    return { loss, gradient };
  }

  describe(`${name} engine`, () => {
    describe.each(VARIANTS)("with %s", (_, model) => {
      const parameters = sampleParameters(model);
      const block = sampleBlock(model);

      test("computes the oracle's loss", async () => {
        await using engine = await filled(model);
        const expected = oracleLoss(model, parameters, block);
        expect(relative(await engine.loss(block), expected)).toBeLessThan(TOLERANCE);
        const { loss } = await gradientOf(engine, model, block);
        expect(relative(loss, expected)).toBeLessThan(TOLERANCE);
      });

      test("gives the same bits when it has been prepared for the block", async () => {
        await using engine = await filled(model);
        await using prepared = await create(model);
        await prepared.prepare(block);
        prepared.putParameters(parameters);
        const expected = await gradientOf(engine, model, block);
        expect(await gradientOf(prepared, model, block)).toEqual(expected);
      });

      test("computes the slopes of the oracle's loss as its gradient", async () => {
        await using engine = await filled(model);
        const { gradient } = await gradientOf(engine, model, block);
        const scale = Math.max(...gradient.map(Math.abs));
        for (const { place, index, slope } of oracleSlopes(model, parameters, block)) {
          const error = Math.abs((gradient[index] ?? Number.NaN) - slope) / scale;
          expect(error, `${place.name}[${index - place.offset}]`).toBeLessThan(TOLERANCE);
        }
      });

      test("computes the oracle's logits at every position", async () => {
        await using engine = await filled(model);
        const named = floatParameters(model, parameters);
        const expected = blockRows(block).flatMap(({ inputs }) =>
          floatLogits(model, named, inputs).flatMap((row) => [...row]),
        );
        expectClose(await engine.logits(block), expected);
      });

      test("decodes token by token to the logits of the whole sequence", async () => {
        await using engine = await filled(model);
        const single = sampleBlock(model, { numSequences: 1 });
        const whole = await engine.logits(single);
        await using decoder = await engine.decoder();
        for (let t = 0; t < single.length; t++) {
          expect(decoder.position).toBe(t);
          const logits = await decoder.feed(single.tokens[t] ?? -1);
          expectClose(logits, whole.subarray(t * model.vocabSize, (t + 1) * model.vocabSize));
        }
        expect(decoder.position).toBe(model.contextLength);
      });
    });

    const model = sampleModel();

    test("takes sequences of any length up to the context", async () => {
      await using engine = await filled(model);
      for (const length of [1, 2, 5, model.contextLength]) {
        const block = sampleBlock(model, { numSequences: 3, length });
        const expected = oracleLoss(model, sampleParameters(model), block);
        const { loss } = await gradientOf(engine, model, block);
        expect(relative(loss, expected), `length ${length}`).toBeLessThan(TOLERANCE);
        expect((await engine.logits(block)).length).toBe(3 * length * model.vocabSize);
      }
    });

    test("learns learned positions from short sequences at the places that these have", async () => {
      const learned = sampleModel({ positions: "learned" });
      await using engine = await filled(learned);
      const block = sampleBlock(learned, { length: 2 });
      const { gradient } = await gradientOf(engine, learned, block);
      const scale = Math.max(...gradient.map(Math.abs));
      for (const { place, index, slope } of oracleSlopes(
        learned,
        sampleParameters(learned),
        block,
        6,
      )) {
        if (place.name !== "pos.weight") continue;
        expect(Math.abs((gradient[index] ?? Number.NaN) - slope) / scale).toBeLessThan(TOLERANCE);
      }
    });

    test("adds over the sequences of a block, loss and gradient", async () => {
      await using engine = await filled(model);
      const block = sampleBlock(model, { numSequences: 3 });
      const whole = await gradientOf(engine, model, block);
      const rowLength = block.length + 1;
      let loss = 0;
      const sum = new Float64Array(whole.gradient.length);
      for (let row = 0; row < 3; row++) {
        const tokens = block.tokens.slice(row * rowLength, (row + 1) * rowLength);
        const part = await gradientOf(engine, model, { ...block, numSequences: 1, tokens });
        loss += part.loss;
        for (const [i, slope] of part.gradient.entries()) sum[i] = (sum[i] ?? 0) + slope;
      }
      expect(relative(loss, whole.loss)).toBeLessThan(TOLERANCE);
      expectClose(whole.gradient, sum);
    });

    test("gives the same bits for the same block, whatever it computed in between", async () => {
      await using engine = await filled(model);
      const block = sampleBlock(model);
      const first = await gradientOf(engine, model, block);
      await gradientOf(engine, model, sampleBlock(model, { numSequences: 1, length: 3, seed: 9 }));
      await engine.logits(block);
      expect(await gradientOf(engine, model, block)).toEqual(first);
    });

    test("gives rows of the embedding that do not occur a gradient of zero", async () => {
      await using engine = await filled(model);
      const block = sampleBlock(model);
      const { gradient } = await gradientOf(engine, model, block);
      const inputs = new Set(blockRows(block).flatMap((row) => row.inputs));
      const { embeddingSize, vocabSize } = model;
      const absent = Array.from({ length: vocabSize }, (_, id) => id).filter(
        (id) => !inputs.has(id),
      );
      expect(absent.length).toBeGreaterThan(0);
      for (const id of absent) {
        const row = gradient.subarray(id * embeddingSize, (id + 1) * embeddingSize);
        expect(
          [...row].every((slope) => slope === 0),
          `row ${id}`,
        ).toBe(true);
      }
    });

    test("writes the gradient to shared memory as well", async () => {
      await using engine = await filled(model);
      const block = sampleBlock(model);
      const { numParams } = parameterLayout(model);
      const shared = new Float32Array(new SharedArrayBuffer(numParams * 4 + 64), 64, numParams);
      const loss = await engine.gradient(block, shared);
      const own = await gradientOf(engine, model, block);
      expect(loss).toBe(own.loss);
      expect(Float32Array.from(shared)).toEqual(own.gradient);
    });

    test("keeps a copy of the parameters, until it is given others", async () => {
      const parameters = sampleParameters(model);
      await using engine = await filled(model, parameters);
      const block = sampleBlock(model);
      const before = await engine.loss(block);
      parameters.fill(0);
      expect(await engine.loss(block)).toBe(before);
      const others = sampleParameters(model, 5);
      engine.putParameters(others);
      const expected = oracleLoss(model, others, block);
      expect(relative(await engine.loss(block), expected)).toBeLessThan(TOLERANCE);
    });

    test("takes parameters from shared memory", async () => {
      const parameters = sampleParameters(model);
      const shared = new Float32Array(new SharedArrayBuffer(parameters.byteLength));
      shared.set(parameters);
      await using engine = await filled(model, shared);
      const block = sampleBlock(model);
      const expected = oracleLoss(model, parameters, block);
      expect(relative(await engine.loss(block), expected)).toBeLessThan(TOLERANCE);
    });

    test("stays finite where logits are thousands apart", async () => {
      const extreme = sampleParameters(model).map((parameter) => parameter * 1000);
      await using engine = await filled(model, extreme);
      const block = sampleBlock(model);
      const { loss, gradient } = await gradientOf(engine, model, block);
      expect(relative(loss, oracleLoss(model, extreme, block))).toBeLessThan(1e-3);
      expect(gradient.every(Number.isFinite)).toBe(true);
    });

    test("decodes two sequences side by side", async () => {
      await using engine = await filled(model);
      await using one = await engine.decoder();
      await using other = await engine.decoder();
      const alone = await one.feed(1);
      await other.feed(4);
      await other.feed(5);
      await using again = await engine.decoder();
      await again.feed(1);
      expectClose(await one.feed(2), await again.feed(2));
      expect(alone.length).toBe(model.vocabSize);
      expect([one.position, other.position]).toEqual([2, 2]);
    });

    test("says what it is and on what it runs", async () => {
      await using engine = await create(model);
      expect(engine.description.engine).toBe(name);
      expect(engine.description.runtime).toMatch(/\d+\.\d+/);
      expect(engine.description.numThreads).toBeGreaterThanOrEqual(1);
    });
  });
}

function relative(actual: number, expected: number): number {
  return Math.abs(actual - expected) / Math.abs(expected);
}

/** Every element within the tolerance of the largest. */
function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(actual.length).toBe(expected.length);
  const scale = Math.max(...Array.from(expected, Math.abs));
  const errors = Array.from(
    expected,
    (value, i) => Math.abs((actual[i] ?? Number.NaN) - value) / scale,
  );
  expect(errors.filter((error) => !(error < TOLERANCE))).toEqual([]);
}
