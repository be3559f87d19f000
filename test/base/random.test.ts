import { expect, test } from "vitest";
import { hash32, seededRandom } from "../../src/base/random.ts";

test("repeats itself for the same seeds", () => {
  expect(draws(seededRandom(7, 8).uint32, 100)).toEqual(draws(seededRandom(7, 8).uint32, 100));
});

test("gives the numbers that it gave in every release, or no run could be reproduced", () => {
  expect(draws(seededRandom(1).uint32, 3)).toEqual([1362707662, 1736573527, 1491228529]);
  expect(seededRandom(1, 2).uniform()).toBe(0.23911442666314964);
  expect(seededRandom(1, 2, 3).normal()).toBeCloseTo(-1.1418634234145209, 14);
});

test("gives every list of seeds a stream of its own", () => {
  const seeds = [
    [],
    [0],
    [0, 0],
    [1],
    [1, 0],
    [0, 1],
    [1, 2],
    [2, 1],
    [2 ** 32],
    [2 ** 32 + 1],
  ].concat([[2 ** 53 - 1], [2 ** 52 - 1], [2 ** 32 - 1]]);
  const streams = seeds.map((list) => draws(seededRandom(...list).uint32, 2).join());
  expect(new Set(streams).size).toBe(seeds.length);
});

test("fills every bit of its integers evenly, also for neighbouring seeds", () => {
  const counts = new Array(32).fill(0);
  for (let seed = 0; seed < 4000; seed++) {
    const value = seededRandom(seed).uint32();
    for (let bit = 0; bit < 32; bit++) counts[bit] += (value >>> bit) & 1;
  }
  // The deviation of a fair coin's count is 32; the stream is fixed, so this cannot flicker.
  for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(160);
});

test("draws uniform numbers evenly from [0, 1)", () => {
  const values = draws(seededRandom(5).uniform, 40_000);
  expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...values)).toBeLessThan(1);
  const counts = new Array(10).fill(0);
  for (const value of values) counts[Math.floor(value * 10)]++;
  for (const count of counts) expect(Math.abs(count - 4000)).toBeLessThan(300);
});

test("draws normal numbers with the moments of a standard normal", () => {
  const values = draws(seededRandom(6).normal, 100_000);
  const moment = (k: number) => values.reduce((sum, value) => sum + value ** k, 0) / values.length;
  expect(Math.abs(moment(1))).toBeLessThan(0.02);
  expect(Math.abs(moment(2) - 1)).toBeLessThan(0.02);
  expect(Math.abs(moment(3))).toBeLessThan(0.05);
  expect(Math.abs(moment(4) - 3)).toBeLessThan(0.15);
  // Box and Muller make pairs: neighbours must not follow one another.
  const product = values.reduce((sum, value, i) => sum + value * (values[i + 1] ?? 0), 0);
  expect(Math.abs(product / values.length)).toBeLessThan(0.02);
});

test("hashes to 32 bits, of which a change of one bit turns over about half", () => {
  let numTurned = 0;
  for (let value = 0; value < 1000; value++) {
    const hash = hash32(1, [value]);
    expect(hash).toBe(hash >>> 0);
    numTurned += numBits(hash ^ hash32(1, [value ^ 4]));
  }
  expect(numTurned / 1000).toBeCloseTo(16, 0);
});

function draws(draw: () => number, count: number): number[] {
  return Array.from({ length: count }, draw);
}

function numBits(value: number): number {
  return (value >>> 0).toString(2).replaceAll("0", "").length;
}

test.each([
  [0, "nothing"],
  [1, "half a pair"],
  [6, "whole pairs"],
  [2 ** 14 + 1, "more than is drawn at once"],
])("fills %i numbers as so many single draws would, also after half a pair: %s", (length) => {
  const [filling, drawing] = [seededRandom(5), seededRandom(5)];
  for (let i = 0; i < 3; i++) {
    const filled = new Float32Array(length);
    filling.fillNormal(filled, 0.02);
    expect(filled).toEqual(Float32Array.from(filled, () => 0.02 * drawing.normal()));
    expect(filling.normal()).toBe(drawing.normal());
  }
});
