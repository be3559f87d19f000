import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { resolveConfiguration } from "../../src/configuration/resolve-configuration.ts";
import { planRuns } from "../../src/study/plan-runs.ts";
import { readStudy } from "../../src/study/read-study.ts";
import { withText } from "../../src/study/with-text.ts";
import { studyContent } from "./sample-results.ts";

const STUDIES = new URL("../../studies/", import.meta.url);

describe("a study file", () => {
  test("names every run once, seeds outermost, with the arm's and the condition's settings", () => {
    const runs = planRuns(readStudy(studyContent()));
    expect(new Set(runs.map(({ name }) => name)).size).toBe(2 * 2 * 2 * 3);
    expect(runs[0]?.name).toBe("char/slow/learningRate-0.001/seed-1");
    expect(runs.map(({ seed }) => seed)).toEqual([1, 2, 3].flatMap((seed) => Array(8).fill(seed)));
    expect(runs[1]?.settings).toEqual({
      steps: 200,
      seed: 1,
      smallInit: true,
      learningRate: 0.001,
    });
  });

  test("has a quick form, without the claims whose arms or corpora it leaves out", () => {
    const quick = readStudy(studyContent(), true);
    expect(planRuns(quick).map(({ name }) => name)).toEqual([
      "char/slow/seed-7",
      "char/fast/seed-7",
    ]);
    expect(quick.configuration).toEqual({ steps: 10, seed: 9 });
    expect(quick.claims.map(({ name }) => name)).toEqual(["faster", "backwards", "saves"]);
  });

  test("is done on further texts with each of its tokenizers", () => {
    const study = withText(readStudy(studyContent()), ["texts/Tiny Shakespeare.txt"]);
    const further = study.corpora.at(-1);
    expect(study.corpora).toHaveLength(3);
    expect(further).toMatchObject({ name: "char-tiny-shakespeare", tokenizer: "char" });
    expect(further?.source).toEqual(["texts/Tiny Shakespeare.txt"]);
  });

  test.each([
    ["a key that nobody knows", { armz: {} }, /armz.*did you mean arms/],
    ["no seeds", { seeds: [] }, /seeds.*list of numbers/],
    ["a seed twice", { seeds: [1, 1] }, /twice/],
    ["an arm whose name is no folder's", { arms: { "../a": {} } }, /small letters/],
    [
      "a tokenizer that is none",
      { corpora: { a: { title: "a", tokenizer: "word" } } },
      /one of byte/,
    ],
    [
      "a claim about an arm that is not there",
      { claims: { c: { statement: "s", measure: "loss", arm: "fats", against: "slow" } } },
      /fats.*did you mean fast/,
    ],
    ["no mapping", { corpora: [] }, /mapping/],
  ])("is refused with %s", (_, change, message) => {
    expect(() => readStudy({ ...studyContent(), ...change })).toThrow(
      expect.objectContaining({ code: "ERR_STUDY", message: expect.stringMatching(message) }),
    );
  });

  test.each(readdirSync(STUDIES))(
    "%s, which is shipped, plans runs that can be started",
    (file) => {
      for (const isQuick of [false, true]) {
        const study = readStudy(parse(readFileSync(new URL(file, STUDIES), "utf8")), isQuick);
        expect(`${study.name}.yaml`).toBe(file);
        expect(study.claims.length).toBeGreaterThan(0);
        if (!isQuick) expect(study.seeds.length).toBeGreaterThanOrEqual(3);
        for (const { settings } of planRuns(study)) {
          expect(resolveConfiguration({ vocabSize: 2048, ...settings }).warmupSteps).toBe(0);
        }
      }
    },
  );
});
