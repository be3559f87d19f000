import { expect, test } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import { seededRandom } from "../../src/base/random.ts";
import { modelOf } from "../../src/configuration/configuration.ts";
import { PRESETS } from "../../src/configuration/presets.ts";
import { resolveConfiguration } from "../../src/configuration/resolve-configuration.ts";
import { createEngine } from "../../src/engine/create-engine.ts";
import { initialParameters } from "../../src/model/initial-parameters.ts";

const VOCAB_SIZE = 2048;
/** An eighth of the preset's width and a sixteenth of its context, for a test's sake; all else is its own. */
const SMALLER = { embeddingSize: 64, contextLength: 32 };
const NUM_SEQUENCES = 8;

test("the published configuration starts at a loss of ln(V), within 1 %", async () => {
  const model = modelOf(
    resolveConfiguration({ ...PRESETS.smallinitemb, ...SMALLER, vocabSize: VOCAB_SIZE }),
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
  expect(Math.abs(loss / Math.log(VOCAB_SIZE) - 1)).toBeLessThan(0.01);
  // Logits of a head from N(0, 0.02) have the variance C · 0.02², half of which comes on top.
  expect(loss - Math.log(VOCAB_SIZE)).toBeCloseTo((model.embeddingSize * 0.02 ** 2) / 2, 1);
});
