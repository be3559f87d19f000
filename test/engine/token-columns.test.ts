import { expect, test } from "vitest";
import { tokenColumns } from "../../src/engine/token-columns.ts";
import { sampleModel } from "../reference/sample-model.ts";

const model = sampleModel({ vocabSize: 10, contextLength: 3 });

test("targets are the inputs' successors, row by row", () => {
  const tokens = Int32Array.of(1, 2, 3, 4, 5, 6);
  const { inputs, targets } = tokenColumns(model, { numSequences: 2, length: 2, tokens });
  expect([...inputs]).toEqual([1, 2, 4, 5]);
  expect([...targets]).toEqual([2, 3, 5, 6]);
});

test.each([
  ["rows longer than the context", { numSequences: 1, length: 4, tokens: new Int32Array(5) }],
  ["tokens that are no whole rows", { numSequences: 2, length: 2, tokens: new Int32Array(5) }],
  ["a token past the vocabulary", { numSequences: 1, length: 1, tokens: Int32Array.of(0, 10) }],
  ["a negative token", { numSequences: 1, length: 1, tokens: Int32Array.of(-1, 0) }],
  ["no rows", { numSequences: 0, length: 1, tokens: new Int32Array(0) }],
])("%s are a mistake of ours", (_, block) => {
  expect(() => tokenColumns(model, block)).toThrow(
    expect.objectContaining({ name: "AssertionError" }),
  );
});
