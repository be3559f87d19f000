import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, test } from "vitest";
import type { ModelConfiguration } from "../../src/configuration/configuration.ts";
import { decodePosition } from "../../src/model/decode-step.ts";
import { forward } from "../../src/model/forward.ts";
import { parameterLayout } from "../../src/model/parameter-layout.ts";
import { UNSEEN } from "../../src/model/scaled-dot-product.ts";
import { sampleModel, sampleParameters } from "../reference/sample-model.ts";
import { numbersOf } from "./on-tfjs.ts";

function logitsOf(model: ModelConfiguration, rows: number[][]): Promise<Float32Array> {
  const parameters = sampleParameters(model);
  return numbersOf(() => {
    const tensors = parameterLayout(model).tensors.map(({ offset, length, shape }) =>
      tf.tensor(parameters.slice(offset, offset + length), [...shape]),
    );
    return forward(model, tensors, tf.tensor2d(rows, undefined, "int32"));
  });
}

describe("forward", () => {
  test.each(["rotary", "learned"] as const)(
    "does not look ahead with %s positions",
    async (positions) => {
      const model = sampleModel({ positions });
      const { vocabSize } = model;
      const before = await logitsOf(model, [[1, 2, 3, 4, 5, 6]]);
      const after = await logitsOf(model, [[1, 2, 3, 9, 5, 6]]);
      const numSame = 3 * vocabSize;
      expect(after.subarray(0, numSame)).toEqual(before.subarray(0, numSame));
      for (let t = 3; t < 6; t++) {
        const row = (logits: Float32Array) => logits.subarray(t * vocabSize, (t + 1) * vocabSize);
        expect(row(after), `position ${t}`).not.toEqual(row(before));
      }
    },
  );

  test.each(["rotary", "learned"] as const)(
    "knows the order of tokens by %s positions",
    async (positions) => {
      const model = sampleModel({ positions });
      const one = await logitsOf(model, [[1, 2, 3]]);
      const other = await logitsOf(model, [[2, 1, 3]]);
      expect(one.subarray(2 * model.vocabSize)).not.toEqual(other.subarray(2 * model.vocabSize));
    },
  );

  test("treats each sequence of a batch as if it were alone", async () => {
    const model = sampleModel();
    const rows = [
      [1, 2, 3, 4],
      [9, 8, 7, 6],
    ];
    const together = await logitsOf(model, rows);
    const alone = await Promise.all(rows.map((row) => logitsOf(model, [row])));
    expect([...together]).toEqual(alone.flatMap((logits) => [...logits]));
  });
});

describe("decodePosition", () => {
  test("marks the position and shows it and all before it", () => {
    const { here, mask, rotation } = decodePosition(sampleModel({ contextLength: 4 }), 1);
    expect([...here]).toEqual([0, 1, 0, 0]);
    expect([...mask]).toEqual([0, 0, Math.fround(UNSEEN), Math.fround(UNSEEN)]);
    expect(rotation?.cos[0]).toBe(Math.fround(Math.cos(1)));
  });

  test("turns nothing with learned positions", () => {
    expect(decodePosition(sampleModel({ positions: "learned" }), 1).rotation).toBeUndefined();
  });
});
