import { expect, test } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import { seededRandom } from "../../src/base/random.ts";
import { modelOf } from "../../src/configuration/configuration.ts";
import { PRESETS } from "../../src/configuration/presets.ts";
import { resolveConfiguration } from "../../src/configuration/resolve-configuration.ts";
import { createEngine } from "../../src/engine/create-engine.ts";
import { initialParameters } from "../../src/model/initial-parameters.ts";

/** GPT-2's token ids. */
const VOCAB_SIZE = 50257;
/** A sixteenth of the preset's context, for a test's sake; all else is its own. */
const SHORTER = { contextLength: 32 };
const NUM_SEQUENCES = 8;

test("the published configuration starts at ln(V) and half the variance of its logits, which is below 1 % of it", async () => {
  const model = modelOf(
    resolveConfiguration({ ...PRESETS.smallinitemb, ...SHORTER, vocabSize: VOCAB_SIZE }),
  );
  await using engine = await createEngine({
    ...{ engine: "onnx", device: "cpu", model, numThreads: 1, log: silentLog },
  });
  engine.putParameters(initialParameters(model, 1));
  const random = seededRandom(5);
  const length = model.contextLength;
  const tokens = Int32Array.from(
    { length: NUM_SEQUENCES * (length + 1) },
    () => random.uint32() % VOCAB_SIZE,
  );
  const lossSum = await engine.loss({ numSequences: NUM_SEQUENCES, length, tokens });
  const loss = lossSum / (NUM_SEQUENCES * length);
  // Logits of a head from N(0, 0.02) have the variance C · 0.02², half of which comes on top; the logits
  // of 256 targets scatter by 0.03 in the mean.
  const excess = (model.embeddingSize * 0.02 ** 2) / 2;
  expect(loss - Math.log(VOCAB_SIZE)).toBeCloseTo(excess, 1);
  expect(excess / Math.log(VOCAB_SIZE)).toBeLessThan(0.01);
});
