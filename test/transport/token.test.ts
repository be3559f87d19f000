import { expect, test } from "vitest";
import { checkToken, isSameSecret, randomToken } from "../../src/transport/token.ts";

test("makes tokens that differ, and that can travel in a header and in a URL", () => {
  const tokens = Array.from({ length: 100 }, randomToken);
  expect(new Set(tokens).size).toBe(100);
  for (const token of tokens) {
    checkToken(token);
    expect(encodeURIComponent(token)).toBe(token);
  }
});

test("secrets of different lengths are compared without an error", () => {
  expect(isSameSecret("a", "ab")).toBe(false);
  expect(isSameSecret("ab", "ab")).toBe(true);
});
