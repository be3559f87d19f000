import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { digestOf } from "../../src/base/digest.ts";

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
