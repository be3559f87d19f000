import * as tf from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { createTfjsEngine } from "../../src/engine/tfjs-engine.ts";
import { parameterLayout } from "../../src/model/parameter-layout.ts";
import { sampleBlock, sampleModel, sampleParameters } from "../reference/sample-model.ts";
import { engineContract } from "./engine-contract.ts";

engineContract("tfjs", createTfjsEngine);

test("leaves no tensor behind, whatever it was asked", async () => {
  const model = sampleModel();
  const gradient = new Float32Array(parameterLayout(model).numParams);
  const numBefore = tf.memory().numTensors;
  {
    await using engine = await createTfjsEngine(model);
    const use = async () => {
      engine.putParameters(sampleParameters(model));
      await engine.gradient(sampleBlock(model), gradient);
      await engine.loss(sampleBlock(model));
      await engine.logits(sampleBlock(model));
      await using decoder = await engine.decoder();
      await decoder.feed(1);
      await decoder.feed(2);
    };
    await use();
    const numInUse = tf.memory().numTensors;
    expect(numInUse).toBe(numBefore + parameterLayout(model).tensors.length);
    for (let i = 0; i < 3; i++) await use();
    expect(tf.memory().numTensors).toBe(numInUse);
  }
  expect(tf.memory().numTensors).toBe(numBefore);
});
