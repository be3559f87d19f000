import { expect, test } from "vitest";
import { AssertionError, assert, assertNever, defined } from "../../src/base/assert.ts";

test("throws our own mistake, and only when the condition is false", () => {
  expect(() => assert(true, "fine")).not.toThrow();
  expect(() => assert(false, "broken")).toThrow(new AssertionError("broken"));
});

test("passes on what is there, falsy or not, and names what is missing", () => {
  expect([0, "", false, null].map((value) => defined(value, "it"))).toEqual([0, "", false, null]);
  expect(() => defined(undefined, "the chunk")).toThrow(new AssertionError("the chunk is missing"));
});

test("shows the case that a switch forgot", () => {
  expect(() => assertNever({ type: "new" } as never)).toThrow('no case for {"type":"new"}');
});
