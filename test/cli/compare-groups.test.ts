import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type Running,
  smallinit,
  startWorker,
  stepsOf,
  summaryOf,
  until,
  untilStep,
} from "../worker/processes.ts";
import { complete } from "../worker/trial.ts";
import { runCli } from "./run-cli.ts";

const TIMEOUT_MS = 300_000;
const NUM_STEPS = 120;
const ARMS = ["base", "small"];
const SEEDS = [1, 2];

let folder: string;
/** What workers of this machine make of the runs, in the order of the study. */
let undisturbed: readonly unknown[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "smallinit-groups-"));
  const text = join(folder, "text.txt");
  writeFileSync(text, "to be, or not to be, that is the question\n".repeat(300));
  const study = {
    ...{ name: "test", title: "A study for a test", question: "Is it the same from elsewhere?" },
    corpora: { bytes: { title: "bytes", source: [text], tokenizer: "byte", validation: 0.2 } },
    arms: {
      base: { title: "N(0, 0.02)", configuration: { smallInit: false } },
      small: { title: "±1e-4", configuration: { smallInit: true } },
    },
    seeds: SEEDS,
    configuration: {
      ...{ contextLength: 16, embeddingSize: 16, numHeads: 2, numLayers: 1, batchSize: 4 },
      ...{ steps: NUM_STEPS, checkpointEvery: 10, engine: "onnx" },
    },
  };
  writeFileSync(join(folder, "study.json"), JSON.stringify(study));
  const local = await runCli(folder, ["compare", "study.json", "--out", "local", "--workers", "2"]);
  expect(local.exitCode, local.stderr).toBe(0);
  undisturbed = digests("local");
}, TIMEOUT_MS);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const runOf = (out: string, arm: string, seed: number) =>
  join(folder, out, "runs", "bytes", arm, `seed-${seed}`);

function digests(out: string): readonly unknown[] {
  return ARMS.flatMap((arm) =>
    SEEDS.map((seed) => summaryOf(runOf(out, arm, seed)).parameterDigest),
  );
}

function compare(out: string, ...more: string[]): Running {
  const args = ["compare", join(folder, "study.json"), "--out", join(folder, out)];
  return smallinit([...args, "--listen", "127.0.0.1:0", ...more]);
}

function urlOf(group: number, comparing: Running): Promise<string> {
  const pattern = new RegExp(`Group ${group},.*smallinit worker '(?<url>[^']+)' --stay`);
  return until(`the URL of group ${group}`, comparing, () => {
    return pattern.exec(comparing.output())?.groups?.url;
  });
}

const stay = (url: string) => startWorker(url, ["--stay", "--timeout", "2"]);

test(
  "groups of workers train the runs of a study to the same bits, though one of them is killed",
  async () => {
    const comparing = compare("cluster", "--groups", "2");
    const first = [await urlOf(1, comparing)].flatMap((url) => [stay(url), stay(url)]);
    const secondUrl = await urlOf(2, comparing);
    const victim = stay(secondUrl);
    await untilStep(runOf("cluster", "base", 2), 15, comparing);
    victim.child.kill("SIGKILL");
    const heir = stay(secondUrl);
    await complete(comparing);
    expect(digests("cluster")).toEqual(undisturbed);
    for (const worker of [...first, heir]) await complete(worker);
    expect(heir.output()).toMatch(/Done: worked for \d run\(s\), and nobody has another/);
    // Both groups had work: neither did all four runs.
    expect(heir.output()).not.toContain("worked for 4");
    const report = readFileSync(join(folder, "cluster", "report.md"), "utf8");
    expect(report).toContain("4 of 4 planned runs are over");
  },
  TIMEOUT_MS,
);

test(
  "a study whose process is killed goes on with workers from elsewhere, and does no step twice",
  async () => {
    const killed = compare("killed", "--workers-per-run", "2");
    const url = await urlOf(1, killed);
    const second = compare("killed");
    expect(await second.exit).toMatchObject({ code: 2 });
    expect(second.output()).toMatch(/^ERR_RUN_EXISTS: .* is conducted by process/m);
    const orphans = [0, 1].map(() => startWorker(url, ["--coordinator-timeout", "1"]));
    const run = runOf("killed", "base", 1);
    await untilStep(run, 15, killed);
    killed.child.kill("SIGKILL");
    for (const orphan of orphans) expect((await orphan.exit).code).toBe(1);

    const goneOn = compare("killed", "--workers-per-run", "2");
    const newUrl = await urlOf(1, goneOn);
    const workers = [stay(newUrl), stay(newUrl)];
    await complete(goneOn);
    for (const worker of workers) await complete(worker);
    expect(digests("killed")).toEqual(undisturbed);
    expect(stepsOf(run)).toEqual(Array.from({ length: NUM_STEPS }, (_, i) => i + 1));
    expect(summaryOf(run)).toMatchObject({ restarts: 1 });
  },
  TIMEOUT_MS,
);

test.each([
  [["--workers", "2"], /--listen.*cannot be used with.*--workers/],
  [["--tls", "self"], /ERR_USAGE: .*certificate of its own.*--tls-cert/],
  [["--advertise", "host:7117"], /ERR_USAGE: .*give --listen a port/],
])("refuses --listen together with %j", async (more, message) => {
  const refused = compare("refused", ...more);
  expect(await refused.exit).toMatchObject({ code: 2 });
  expect(refused.output()).toMatch(message);
});
