import { expect, test } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { createOnnxEngine } from "../../src/engine/onnx-engine.ts";
import { parameterLayout } from "../../src/model/parameter-layout.ts";
import { sampleBlock, sampleModel, sampleParameters } from "../reference/sample-model.ts";
import { engineContract } from "./engine-contract.ts";

engineContract("onnx", (model) => createOnnxEngine({ model, device: "cpu", numThreads: 1 }));

// Workers of one fleet may have different numbers of threads, and must agree to the bit.
test.each([
  ["wide enough that every product is shared among the threads", { embeddingSize: 192 }],
  ["a vocabulary wider than the rest", { embeddingSize: 64, vocabSize: 1024 }],
  ["sizes that no number of threads divides", { embeddingSize: 40, vocabSize: 101 }],
])("gives the same bits with any number of threads, every time: %s", async (_, sizes) => {
  const model = sampleModel({ contextLength: 96, numHeads: 2, ffnSize: 208, ...sizes });
  const block = sampleBlock(model, { numSequences: 3 });
  const digests: string[] = [];
  for (const numThreads of [1, 2, 3, 4, 16]) {
    await using engine = await createOnnxEngine({ model, device: "cpu", numThreads });
    engine.putParameters(sampleParameters(model));
    const gradient = new Float32Array(parameterLayout(model).numParams);
    for (let i = 0; i < 3; i++) {
      const loss = await engine.gradient(block, gradient);
      digests.push(`${loss} ${digestOf(gradient)}`);
    }
  }
  expect(new Set(digests)).toHaveProperty("size", 1);
});

test("decodes several sequences at once, each with its own past", async () => {
  const model = sampleModel();
  await using engine = await createOnnxEngine({ model, device: "cpu", numThreads: 1 });
  engine.putParameters(sampleParameters(model));
  await using alone = await engine.decoder();
  await alone.feed(1);
  const expected = await alone.feed(2);
  await using first = await engine.decoder();
  await using second = await engine.decoder();
  await first.feed(1);
  await second.feed(5);
  expect(await first.feed(2)).toEqual(expected);
  expect(await second.feed(2)).not.toEqual(expected);
});
