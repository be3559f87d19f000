import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DoctorReport } from "../../src/doctor/doctor-report.ts";
import { runCli } from "./run-cli.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "smallinit-doctor-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The keys of the table in docs/DOCTOR.md. */
function documentedKeys(): readonly string[] {
  const page = readFileSync(new URL("../../docs/DOCTOR.md", import.meta.url), "utf8");
  return [...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, key]) => key ?? "");
}

/** Node's options with which every process that a probe starts ends at once, as by a bad instruction. */
function withDyingProbes(): Record<string, string> {
  const preload = join(folder, "die.mjs");
  writeFileSync(preload, "if (process.send) process.kill(process.pid, 'SIGKILL');\n");
  return { NODE_OPTIONS: `--import=${pathToFileURL(preload).href}` };
}

describe("smallinit doctor", () => {
  test("tries and measures the engines, and prints the documented keys", async () => {
    const { exitCode, stdout, stderr } = await runCli(folder, ["doctor", "--json"]);
    const report = JSON.parse(stdout) as DoctorReport;
    expect(new Set(Object.keys(report))).toEqual(new Set(documentedKeys()));
    for (const finding of ["onnx", "tfjs"].map((name) =>
      report.engines.find(({ engine, device }) => engine === name && device === "cpu"),
    )) {
      expect(finding).toMatchObject({ works: true, runtime: expect.stringMatching(/\d/) });
      expect(finding).toMatchObject({
        speed: { tokensPerSecond: expect.any(Number), gflops: expect.any(Number) },
      });
    }
    expect(report.kernels).toMatchObject({
      addGigabytesPerSecond: expect.any(Number),
      adamWGigabytesPerSecond: expect.any(Number),
    });
    expect(report.loopback).toEqual({ gigabytesPerSecond: expect.any(Number) });
    expect(stderr).toContain("Trying the engine onnx on cpu ...");
    expect(exitCode).toBe(0);
  }, 120_000);

  test("ends with 1 where no engine works, and says how each died and what to do", async () => {
    const args = ["doctor", "--no-speed"];
    const { exitCode, stdout } = await runCli(folder, args, withDyingProbes());
    expect(exitCode).toBe(1);
    expect(stdout).toContain("The engine onnx ended its process by the signal SIGKILL.");
    expect(stdout).toContain("No engine works here");
    expect(stdout).toContain("npm ci");
  });

  test("says the same to programs", async () => {
    const args = ["doctor", "--no-speed", "--json"];
    const { exitCode, stdout } = await runCli(folder, args, withDyingProbes());
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ best: null, kernels: null, loopback: null });
  });
});
