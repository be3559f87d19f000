import { stat } from "node:fs/promises";
import { expect, test } from "vitest";
import { demoCorpusFiles } from "../../src/data/demo-corpus-files.ts";

test("finds the demonstration corpus among the dependencies: ten megabytes in 233 files", async () => {
  const files = await demoCorpusFiles();
  const sizes = await Promise.all(files.map(async (path) => (await stat(path)).size));
  expect(files.length).toBe(233);
  expect(files.every((path) => path.endsWith(".txt"))).toBe(true);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThan(10e6);
});
