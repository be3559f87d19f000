import { expect, test } from "vitest";
import { CONFIGURATION_KEYS } from "../../src/configuration/keys.ts";
import { nearestName } from "../../src/configuration/nearest-name.ts";

test.each([
  ["learningrate", "learningRate"],
  ["learning_rate", "learningRate"],
  ["learning-rate", "learningRate"],
  ["LEARNING_RATE", "learningRate"],
  ["numLayer", "numLayers"],
  ["headsNum", "numHeads"],
  ["batchsice", "batchSize"],
  ["weight_decay", "weightDecay"],
  ["warmup", "warmupSteps"],
  ["decay", "weightDecay"],
  ["step", "steps"],
  ["heads", "numHeads"],
  ["seed", "seed"],
])("takes %s for %s", (typed, meant) => {
  expect(nearestName(typed, Object.keys(CONFIGURATION_KEYS))).toBe(meant);
});

test("takes the first of equals, and nothing where there is nothing", () => {
  expect(nearestName("x", ["a", "b"])).toBe("a");
  expect(nearestName("", ["long", "no"])).toBe("no");
  expect(nearestName("x", [])).toBe("");
});
