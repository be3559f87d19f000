import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { smallinit, stepsOf, summaryOf, untilStep } from "../worker/processes.ts";
import { runCli } from "./run-cli.ts";

const STUDY = {
  name: "test",
  title: "A study for a test",
  question: "Does it go on?",
  corpora: { bytes: { title: "bytes", source: ["text.txt"], tokenizer: "byte", validation: 0.2 } },
  arms: {
    base: { title: "N(0, 0.02)", configuration: { smallInit: false } },
    small: { title: "±1e-4", configuration: { smallInit: true } },
  },
  seeds: [1],
  configuration: {
    ...{ contextLength: 16, embeddingSize: 16, numHeads: 2, numLayers: 1, batchSize: 4 },
    ...{ steps: 40, checkpointEvery: 10, engine: "onnx" },
  },
  claims: {
    faster: { statement: "It is faster.", measure: "speed", arm: "small", against: "base" },
  },
};

// Five starts of the command and of workers take their time on a busy machine.
const TIMEOUT_MS = 300_000;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "smallinit-compare-"));
  writeFileSync(
    join(folder, "text.txt"),
    "to be, or not to be, that is the question\n".repeat(300),
  );
  writeFileSync(join(folder, "study.json"), JSON.stringify(STUDY));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function compare(out: string, ...more: string[]) {
  return await runCli(folder, ["compare", "study.json", "--out", out, "--workers", "1", ...more]);
}

function digests(out: string): readonly unknown[] {
  return ["base", "small"].map(
    (arm) => summaryOf(join(folder, out, "runs", "bytes", arm, "seed-1")).parameterDigest,
  );
}

test(
  "a study that is killed goes on where it was, to the parameters of one that was left alone",
  async () => {
    const source = join(folder, "text.txt");
    writeFileSync(
      join(folder, "absolute.json"),
      JSON.stringify({
        ...STUDY,
        corpora: { bytes: { ...STUDY.corpora.bytes, source: [source] } },
      }),
    );
    const out = join(folder, "killed");
    const args = ["compare", join(folder, "absolute.json"), "--out", out, "--workers", "1"];
    const killed = smallinit(args);
    const firstRun = join(out, "runs", "bytes", "base", "seed-1");
    await untilStep(firstRun, 15, killed);
    killed.child.kill("SIGKILL");
    await killed.exit;
    const goneOn = smallinit(args);
    expect(await goneOn.exit, goneOn.output()).toMatchObject({ code: 0 });
    expect(summaryOf(firstRun)).toMatchObject({ status: "completed", steps: 40, restarts: 1 });
    expect(stepsOf(firstRun)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));

    const undisturbed = await compare("whole");
    expect(undisturbed.exitCode, undisturbed.stderr).toBe(0);
    expect(digests("killed")).toEqual(digests("whole"));
    const report = readFileSync(join(folder, "whole", "report.md"), "utf8");
    expect(report).toContain("2 of 2 planned runs are over");
    expect(readdirSync(join(folder, "whole", "figures"))).toContain("loss.svg");

    // Nothing is left to do.
    const before = summaryOf(firstRun);
    const again = await compare("whole");
    expect(again.stderr).toContain("2 runs, 2 of them over");
    expect(summaryOf(firstRun)).toEqual(before);
  },
  TIMEOUT_MS,
);

test(
  "a study says what is wrong with it, in one line",
  async () => {
    const missing = await runCli(folder, ["compare", "smallinitem", "--out", "x"]);
    expect(missing).toMatchObject({ exitCode: 2, stdout: "" });
    expect(missing.stderr).toMatch(/^ERR_STUDY: Cannot read the study smallinitem: .*postln-depth/);

    const changed = { ...STUDY, configuration: { ...STUDY.configuration, learningRate: 0.5 } };
    writeFileSync(join(folder, "changed.json"), JSON.stringify(changed));
    const other = await runCli(folder, ["compare", "changed.json", "--out", "whole"]);
    expect(other.exitCode).toBe(2);
    expect(other.stderr).toMatch(/ERR_STUDY: .*learningRate 0\.001, but the study now says 0\.5/);
  },
  TIMEOUT_MS,
);
