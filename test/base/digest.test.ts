import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { digestOf, digestWithPauses } from "../../src/base/digest.ts";

test("is the SHA-256 of the little-endian bytes", () => {
  const bytes = [0, 0, 128, 63, 0, 0, 32, 192];
  const expected = createHash("sha256").update(Uint8Array.from(bytes)).digest("hex");
  expect(digestOf(Float32Array.of(1, -2.5))).toBe(expected);
});

test("covers its vector alone, and not the memory around", () => {
  const memory = Float32Array.of(9, 1, 2, 9);
  expect(digestOf(memory.subarray(1, 3))).toBe(digestOf(Float32Array.of(1, 2)));
});

test("reads shared memory", () => {
  const shared = new Float32Array(new SharedArrayBuffer(8));
  shared.set([1, 2]);
  expect(digestOf(shared)).toBe(digestOf(Float32Array.of(1, 2)));
});

test("tells zeros of different sign apart, as bits do", () => {
  expect(digestOf(Float32Array.of(0))).not.toBe(digestOf(Float32Array.of(-0)));
});

test("is the same with pauses, in which others come to run", async () => {
  const vector = new Float32Array(3 * 2 ** 20 + 5).map((_, i) => i);
  let numTurns = 0;
  setImmediate(() => numTurns++);
  const digest = await digestWithPauses(vector);
  expect(digest).toBe(digestOf(vector));
  expect(numTurns).toBe(1);
  expect(await digestWithPauses(new Float32Array(0))).toBe(digestOf(new Float32Array(0)));
});
