import { describe, expect, test } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { MAX_FRAME_FLOATS } from "../../src/protocol/limits.ts";
import { StateAssembly, type StateVectors, stateFrames } from "../../src/protocol/state-frames.ts";

/** Three vectors of this length, all of whose floats differ. */
function vectorsOf(length: number): StateVectors {
  const vector = (start: number) => Float32Array.from({ length }, (_, i) => start + i);
  return [vector(0), vector(0.25), vector(0.5)];
}
const emptyVectors = (length: number): StateVectors => [
  new Float32Array(length),
  new Float32Array(length),
  new Float32Array(length),
];

describe("a state in frames", () => {
  test.each([1, 100, MAX_FRAME_FLOATS, 2 * MAX_FRAME_FLOATS + 3])(
    "of %i floats a vector is put together as it was",
    (length) => {
      const state = vectorsOf(length);
      const copy = emptyVectors(length);
      const assembly = new StateAssembly(9, copy);
      for (const frame of stateFrames(9, state)) {
        expect(assembly.isComplete).toBe(false);
        expect(frame.payload.byteLength).toBeLessThanOrEqual(MAX_FRAME_FLOATS * 4);
        assembly.take(frame);
      }
      expect(assembly.isComplete).toBe(true);
      // By digest: comparing a million floats one by one takes half a minute.
      expect(copy.map(digestOf)).toEqual(state.map(digestOf));
    },
  );

  test("takes payloads that are not aligned", () => {
    const state = vectorsOf(5);
    const copy = emptyVectors(5);
    const assembly = new StateAssembly(0, copy);
    for (const frame of stateFrames(0, state)) {
      const shifted = new Uint8Array(frame.payload.byteLength + 1);
      shifted.set(frame.payload, 1);
      assembly.take({ ...frame, payload: shifted.subarray(1) });
    }
    expect(copy).toEqual(state);
  });

  const [first, second] = [...stateFrames(4, vectorsOf(3))];
  const WRONG = [
    ["of another step", { ...first, step: 5 }],
    ["that leaves one out", second],
    ["of a gradient", { ...first, kind: "sum" as const }],
    ["that is too long", { ...first, payload: new Uint8Array(16) }],
    ["without floats", { ...first, payload: new Uint8Array(0) }],
  ] as const;
  test.each(WRONG)("refuses a frame %s", (_name, frame) => {
    const assembly = new StateAssembly(4, emptyVectors(3));
    if (frame?.kind === undefined || first === undefined) throw new Error("no frame");
    expect(() => assembly.take({ ...first, ...frame })).toThrow(/was due/);
  });

  test("refuses a frame after the last", () => {
    const assembly = new StateAssembly(4, emptyVectors(3));
    const frames = [...stateFrames(4, vectorsOf(3))];
    for (const frame of frames) assembly.take(frame);
    expect(() => frames[2] && assembly.take(frames[2])).toThrow(/nothing of step 4 was due/);
  });
});
