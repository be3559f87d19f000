import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { fillBlocks } from "../src/study/fill-blocks.ts";
import { publishedBlocks } from "../src/study/published-blocks.ts";
import type { StudyResults } from "../src/study/study-results.ts";

const DOCS = new URL("../docs/", import.meta.url);
const PAGE = readFileSync(new URL("RESULTS.md", DOCS), "utf8");
const README = readFileSync(new URL("../README.md", DOCS), "utf8");

test("the numbers in docs/RESULTS.md and README.md are those of the committed results", () => {
  const blocks: Record<string, string> = {};
  for (const file of readdirSync(new URL("results/", DOCS))) {
    if (!file.endsWith(".json")) continue;
    const text = readFileSync(new URL(`results/${file}`, DOCS), "utf8");
    const results: StudyResults = JSON.parse(text);
    Object.assign(blocks, publishedBlocks(results, `results/${results.study.name}`));
  }
  expect(Object.keys(blocks).length).toBeGreaterThan(0);
  for (const page of [PAGE, README]) expect(page).toBe(fillBlocks(page, blocks));
});

test("every figure of docs/RESULTS.md is there", () => {
  const images = [...PAGE.matchAll(/\]\((?<path>results\/[^)]+\.svg)\)/g)];
  expect(images.length).toBeGreaterThan(0);
  for (const { groups } of images) expect(existsSync(new URL(groups?.path ?? "", DOCS))).toBe(true);
});
