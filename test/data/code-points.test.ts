import fc from "fast-check";
import { expect, test } from "vitest";
import { countCodePoints, indexAfter } from "../../src/data/code-points.ts";

const text = fc.string({ unit: "binary", maxLength: 40 });

test("counts the code points that iteration gives", () => {
  fc.assert(fc.property(text, (value) => countCodePoints(value) === [...value].length));
});

test("finds the index after any number of code points", () => {
  fc.assert(
    fc.property(text, fc.nat(40), (value, count) => {
      fc.pre(count <= [...value].length);
      expect(indexAfter(value, count)).toBe([...value].slice(0, count).join("").length);
    }),
  );
});
