import { describe, expect, test } from "vitest";
import { defined } from "../../src/base/assert.ts";
import { digestOf } from "../../src/base/digest.ts";
import { MAX_FRAME_FLOATS } from "../../src/protocol/limits.ts";
import { SumAssembly, sumFrames } from "../../src/protocol/sum-frames.ts";

const sumOf = (length: number) => Float32Array.from({ length }, (_, i) => i + 0.5);

describe("a committed step's sum in frames", () => {
  test.each([1, 100, MAX_FRAME_FLOATS, 2 * MAX_FRAME_FLOATS + 3])(
    "of %i floats is put together as it was",
    (length) => {
      const copy = new Float32Array(length);
      const assembly = new SumAssembly(9, copy);
      for (const frame of sumFrames(9, sumOf(length))) {
        expect(assembly.isComplete).toBe(false);
        assembly.take(frame);
      }
      expect(assembly.isComplete).toBe(true);
      expect(digestOf(copy)).toBe(digestOf(sumOf(length)));
    },
  );

  const [frame] = [...sumFrames(9, sumOf(4))];
  test.each([
    ["of another step", { step: 8 }],
    ["that leaves a gap", { offset: 1 }],
    ["that is too long", { payload: new Uint8Array(20) }],
  ])("refuses a frame %s", (_what, changes) => {
    const assembly = new SumAssembly(9, new Float32Array(4));
    const wrong = { ...defined(frame, "a frame"), ...changes };
    expect(() => assembly.take(wrong)).toThrow(/float 0 of 4 of step 9 was due/);
  });
});
