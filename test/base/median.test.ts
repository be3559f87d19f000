import { expect, test } from "vitest";
import { medianOf } from "../../src/base/median.ts";

test.each([
  { values: [], median: undefined },
  { values: [7], median: 7 },
  { values: [3, 1], median: 2 },
  // By size, not by the digits.
  { values: [100, 9, 20], median: 20 },
  { values: [4, 1, 3, 2], median: 2.5 },
])("the median of $values is $median", ({ values, median }) => {
  const given = [...values];
  expect(medianOf(given)).toBe(median);
  expect(given).toEqual(values);
});
