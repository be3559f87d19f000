import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { sampleToken } from "../../src/engine/sample-token.ts";

const ALL = { temperature: 1, topK: 0, topP: 1 };
const LOGITS = Float32Array.from([0.5, 0.2, 0.2, 0.1].map(Math.log));

describe("sampleToken", () => {
  test("draws each token as often as its probability says", () => {
    expect(frequencies(ALL).map((share) => share.toFixed(1))).toEqual(["0.5", "0.2", "0.2", "0.1"]);
  });

  test.each([
    ["temperature 0 takes the most probable", { ...ALL, temperature: 0 }, [0]],
    ["top-k 2 takes two, ties by id", { ...ALL, topK: 2 }, [0, 1]],
    ["top-p just above the first needs the second", { ...ALL, topP: 0.6 }, [0, 1]],
    ["top-p 0 still takes one", { ...ALL, topP: 0 }, [0]],
    ["top-k above the vocabulary takes all", { ...ALL, topK: 99 }, [0, 1, 2, 3]],
  ])("%s", (_, options, expected) => {
    const drawn = frequencies(options).flatMap((share, id) => (share > 0 ? [id] : []));
    expect(drawn).toEqual(expected);
  });

  test("a low temperature sharpens the distribution", () => {
    expect(frequencies({ ...ALL, temperature: 0.25 })[0]).toBeGreaterThan(0.9);
  });

  test("refuses logits that are not numbers", () => {
    expect(() => sampleToken(Float32Array.of(0, Number.NaN), ALL, seededRandom(1))).toThrow(
      /not numbers/,
    );
  });
});

function frequencies(options: typeof ALL): number[] {
  const random = seededRandom(7);
  const counts = [0, 0, 0, 0];
  const numDraws = 4000;
  for (let i = 0; i < numDraws; i++) {
    const id = sampleToken(LOGITS, options, random);
    counts[id] = (counts[id] ?? 0) + 1;
  }
  return counts.map((count) => count / numDraws);
}
