import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCli } from "./run-cli.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "smallinit-plot-test-"));
  for (const [name, start] of [
    ["pre", 6],
    ["post", 7],
  ] as const)
    await makeRun(name, start);
});
afterAll(() => rm(folder, { recursive: true }));

async function makeRun(name: string, start: number): Promise<void> {
  await mkdir(join(folder, name));
  const rows = Array.from({ length: 60 }, (_, i) => ({
    ...{ step: i + 1, loss: start - i / 20, tokens: 100, stepMs: 5 },
  }));
  const lines = [...rows, { step: 60, validationLoss: start - 3 }].map((row) =>
    JSON.stringify(row),
  );
  await writeFile(join(folder, name, "metrics.jsonl"), `${lines.join("\n")}\n`);
}

describe("smallinit plot", () => {
  test("draws runs in the terminal, with their names and where they end", async () => {
    const { exitCode, stdout } = await runCli(folder, ["plot", "pre", "post"]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("loss: nats per token");
    expect(stdout).toContain("a pre");
    expect(stdout).toContain("post: validation loss 4 at the end");
    expect(stdout).toMatch(/[\u2801-\u28ff]{3}/);
  });

  test("draws them to an SVG that says what it shows", async () => {
    const args = ["plot", "pre", "post", "--x", "tokens", "--smooth", "10", "--out", "both.svg"];
    const { exitCode } = await runCli(folder, args);
    expect(exitCode).toBe(0);
    const svg = await readFile(join(folder, "both.svg"), "utf8");
    expect(svg).toMatch(/^<svg /);
    for (const text of ["training tokens", "running mean of 10 steps", ">pre<", ">post<"]) {
      expect(svg).toContain(text);
    }
  });

  test.each([
    [["plot", "nowhere"], /ERR_RUN_MISSING: nowhere holds no run/],
    [["plot", "pre", "--out", "a.gif"], /neither FILE\.svg nor FILE\.png/],
    [["plot", "pre", "--metric", "los"], /Allowed choices/],
    [["plot"], /missing required argument/],
  ])("refuses %j, and says why", async (args, message) => {
    const { exitCode, stderr } = await runCli(folder, args);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(message);
  });

  test("asks for a browser where a PNG has none", async () => {
    const args = ["plot", "pre", "--out", "a.png"];
    const { exitCode, stderr } = await runCli(folder, args, { PATH: folder, CHROME_PATH: "" });
    expect(exitCode).toBe(2);
    expect(stderr).toContain("take --out FILE.svg");
  });
});
