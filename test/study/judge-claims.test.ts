import { describe, expect, test } from "vitest";
import { blockMeans } from "../../src/study/collect-results.ts";
import { fillBlocks } from "../../src/study/fill-blocks.ts";
import { judgeClaims } from "../../src/study/judge-claims.ts";
import { reportCsv } from "../../src/study/report-csv.ts";
import { reportFigures } from "../../src/study/report-figures.ts";
import { cellTable, claimTable } from "../../src/study/report-markdown.ts";
import { smoothCurve, stepsToReach } from "../../src/study/smooth-curve.ts";
import { estimate, share } from "../../src/study/statistics.ts";
import type { StudyResults } from "../../src/study/study-results.ts";
import { sampleResults } from "./sample-results.ts";

describe("statistics", () => {
  test("give the mean with Student's interval", () => {
    // t(0.975, 2) = 4.303, s = 1, n = 3.
    const { mean, interval } = estimate([1, 2, 3]);
    expect(mean).toBe(2);
    expect(interval?.[0]).toBeCloseTo(2 - 4.303 / Math.sqrt(3), 3);
    expect(interval?.[1]).toBeCloseTo(2 + 4.303 / Math.sqrt(3), 3);
    expect(estimate([5]).interval).toBeUndefined();
  });

  test("give shares that stay between 0 and 1, with Wilson's interval", () => {
    // 0 of 10: the upper end is z²/(n + z²).
    expect(share(0, 10).interval?.[1]).toBeCloseTo(3.8416 / 13.8416, 4);
    expect(share(10, 10).interval).toEqual([expect.closeTo(1 - 0.27754, 4), 1]);
  });
});

describe("a run's curve", () => {
  test("is the mean of blocks of 5 steps, four of them a point", () => {
    expect(blockMeans([1, 2, 3, 4, 5, 10, 10, 10, 10, 10, 99])).toEqual([3, 10]);
    const curve = smoothCurve([4, 4, 4, 4, 0, 0]);
    expect(curve).toEqual([
      { step: 20, loss: 4 },
      { step: 25, loss: 3 },
      { step: 30, loss: 2 },
    ]);
    expect(stepsToReach(curve, 2.5)).toBe(27.5);
    expect(stepsToReach(curve, 5)).toBe(20);
    expect(stepsToReach(curve, 1)).toBeUndefined();
  });
});

describe("claims", () => {
  const verdicts = (results: StudyResults) =>
    judgeClaims(results).map(({ claim, corpora, verdict }) => [
      claim.name,
      corpora.join(),
      verdict,
    ]);

  test("are judged by the effects that the runs have", () => {
    expect(verdicts(sampleResults({ char: 1.5, bpe: 2 }))).toEqual([
      ["faster", "char", "supported"],
      ["faster", "bpe", "supported"],
      // The effect has the other sign.
      ["backwards", "char", "not supported"],
      ["backwards", "bpe", "not supported"],
      ["more", "bpe,char", "supported"],
      // In three of three pairs it is this arm's that learns: three are too few.
      ["saves", "char", "undecided"],
      ["saves", "bpe", "undecided"],
    ]);
  });

  test("are not supported when there is no effect that matters", () => {
    const [faster] = verdicts(sampleResults({ char: 1.01, bpe: 1 }));
    expect(faster).toEqual(["faster", "char", "supported"]);
    expect(verdicts(sampleResults({ char: 1, bpe: 1 }))[0]?.[2]).toBe("not supported");
  });

  test("of runs that learn are judged by the pairs of which one alone does", () => {
    const results = sampleResults({ char: 1, bpe: 1 }, 8);
    const saves = (given: StudyResults) => {
      const { verdict, effect } =
        judgeClaims(given).find(({ claim }) => claim.name === "saves") ?? {};
      return [verdict, effect?.mean, effect?.count];
    };
    expect(saves(results)).toEqual(["supported", 1, 8]);
    const spoilt = (arm: string) => ({
      ...results,
      runs: results.runs.map((run) => (run.arm === arm ? { ...run, validationLoss: 3.99 } : run)),
    });
    // Where none learns there is nothing to be told; pairs at the low rate now speak against the arm.
    expect(saves(spoilt("fast"))).toEqual(["not supported", 0, 8]);
    expect(saves(spoilt("slow"))).toEqual(["supported", 1, 16]);
  });

  test("measure the factor that the curves have", () => {
    const [faster] = judgeClaims(sampleResults({ char: 1.5, bpe: 2 }));
    // The running mean of 20 steps adds a little to both.
    expect(Math.exp(faster?.effect?.mean ?? 0)).toBeGreaterThan(1.4);
    expect(Math.exp(faster?.effect?.mean ?? 0)).toBeLessThan(1.55);
  });

  test("count a seed only when both arms have ended under every condition", () => {
    const results = sampleResults({ char: 2, bpe: 2 });
    const runs = results.runs.filter(({ name }) => name !== "char/fast/learningRate-0.01/seed-3");
    const [faster] = judgeClaims({ ...results, runs });
    expect(faster?.effect?.count).toBe(2);
  });

  test("are undecided without runs, and with one seed", () => {
    const results = sampleResults({ char: 2, bpe: 2 });
    const one = { ...results, runs: results.runs.filter(({ seed }) => seed === 1) };
    for (const partial of [one, { ...results, runs: [] }]) {
      const others = judgeClaims(partial).filter(({ claim }) => claim.measure !== "trains");
      expect(new Set(others.map(({ verdict }) => verdict))).toEqual(new Set(["undecided"]));
    }
  });
});

describe("a report", () => {
  const results = sampleResults({ char: 1.5, bpe: 2 });

  test("gives every claim its verdict and interval, and every arm its losses", () => {
    expect(claimTable(results)).toMatch(
      /Fast is faster\. \| BPE \| \*\*supported\*\* \| \d\.\d\d \(\d\.\d\d to \d\.\d\d\) times/,
    );
    expect(cellTable(results)).toContain(
      "| BPE | learningRate 0.001 | Fast | 3 | 3 | 2.500 (2.500 to 2.500) |",
    );
    expect(reportCsv(results).split("\n")).toHaveLength(1 + 24 + 1);
  });

  test("has figures of the claims, losses, steps, rates, gradients and the embedding", () => {
    expect(reportFigures(results).map(({ name }) => name)).toEqual([
      ...["claims-speed", "claims-loss", "claims-trains", "loss", "steps"],
      ...["learning-rate", "gradient-norms", "embedding"],
    ]);
    expect(reportFigures({ ...results, runs: [] })).toEqual([]);
  });

  test("fills the generated parts of a page, and nothing else", () => {
    const page = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb";
    const filled = "a\n<!-- begin x -->\n\nnew\n\n<!-- end x -->\nb";
    expect(fillBlocks(page, { x: "new\n" })).toBe(filled);
    expect(fillBlocks(filled, { x: "new" })).toBe(filled);
    expect(() => fillBlocks(page, {})).toThrow(/no results/);
    expect(() => fillBlocks("<!-- begin x -->\nold", { x: "" })).toThrow(/no end/);
  });
});
