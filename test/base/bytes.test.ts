import { expect, test } from "vitest";
import { AssertionError } from "../../src/base/assert.ts";
import { bytesToFloats, floatsToBytes } from "../../src/base/bytes.ts";

test("shows floats as their own bytes, without a copy", () => {
  const floats = Float32Array.of(0, 1, 2).subarray(1);
  const bytes = floatsToBytes(floats);
  expect([...bytes]).toEqual([0, 0, 128, 63, 0, 0, 0, 64]);
  bytes[3] = 64;
  expect(floats[0]).toBe(4);
});

test("shows aligned bytes as floats without a copy, and copies others", () => {
  const memory = new Uint8Array(16);
  memory.set([0, 0, 128, 63], 4);
  const aligned = bytesToFloats(memory.subarray(4, 8));
  expect([...aligned]).toEqual([1]);
  expect(aligned.buffer).toBe(memory.buffer);
  memory.set([0, 0, 128, 63], 9);
  const copied = bytesToFloats(memory.subarray(9, 13));
  expect([...copied]).toEqual([1]);
  expect(copied.buffer).not.toBe(memory.buffer);
});

test("copies only the bytes given, out of a pool as Node's buffers are", () => {
  const pooled = Buffer.from([1, 0, 0, 128, 63]).subarray(1);
  expect([...bytesToFloats(pooled)]).toEqual([1]);
});

test("takes no half floats", () => {
  expect(() => bytesToFloats(new Uint8Array(6))).toThrow(AssertionError);
});
