import { describe, expect, test } from "vitest";
import { validationWindows } from "../../src/data/validation-windows.ts";

describe("validationWindows", () => {
  test.each([
    ["the shortest part that has a window", 65, 64, 1],
    ["one token short of a second window", 128, 64, 1],
    ["a second window's last target", 129, 64, 2],
    ["nanoGPT's Shakespeare", 111_540, 64, 1742],
  ])("cuts floor((n - 1) / T) windows: %s", (_, numTokens, contextLength, expected) => {
    const { numWindows, startOf } = validationWindows(numTokens, contextLength);
    expect(numWindows).toBe(expected);
    expect(startOf(numWindows - 1) + contextLength).toBeLessThan(numTokens);
    expect(startOf(numWindows) + contextLength).toBeGreaterThanOrEqual(numTokens);
  });

  test("refuses a part without a window, naming both lengths", () => {
    expect(() => validationWindows(64, 64)).toThrow(
      expect.objectContaining({
        code: "ERR_DATA_SHORT",
        message: expect.stringMatching(/validation part has 64 tokens.* needs 65.*--validation/),
      }),
    );
  });
});
