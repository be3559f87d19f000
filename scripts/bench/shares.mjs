// What fewer leaves for a slow worker give, and what audits cost.
//
//     npm run build && node scripts/bench/shares.mjs [--rounds 3] [--steps 60] [--engine onnx] [--slow 3]
//
// Trains 0.8 million parameters with two workers of one thread, 16 leaves a step, case after case in each round:
// undisturbed, with --audit 0.25, with --audit 1, and with one worker that computes each leaf `--slow` times. Of
// metrics.jsonl it takes the median times of a step and of the slowest member's leaves, without the first steps;
// for the slow worker before and after the leaves are divided anew ("division" in events.jsonl). All share one
// machine: compare within a round.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { medianOf } from "../../dist/base/median.js";

const MODEL = { contextLength: 64, embeddingSize: 128, numLayers: 4, numHeads: 4, vocabSize: 65 };
/** Steps that are not counted: processes and engines have just begun. */
const WARMUP_STEPS = 2;

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    steps: { type: "string", default: "60" },
    engine: { type: "string", default: "onnx" },
    slow: { type: "string", default: "3" },
  },
});
const COMMAND = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

const CASES = [
  { name: "undisturbed" },
  { name: "audit 0.25", audit: "0.25" },
  { name: "audit 1", audit: "1" },
  { name: `one worker ${options.slow} times as slow`, slow: options.slow },
];

const folder = mkdtempSync(join(tmpdir(), "smallinit-shares-"));
const children = new Set();
try {
  for (const [file, length] of [
    ["train.bin", 100_000],
    ["val.bin", 1000],
  ]) {
    const tokens = Uint16Array.from({ length }, (_, i) => (i * i + 7 * i) % 61);
    writeFileSync(join(folder, file), tokens);
  }
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const [i, each] of CASES.entries()) {
      const found = await measure(join(folder, `run-${round}-${i}`), each);
      console.log(JSON.stringify({ round, case: each.name, ...found, load: loadavg()[0] }));
    }
  }
} finally {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}

async function measure(run, { audit = "0", slow }) {
  const settings = {
    ...{ ...MODEL, batchSize: 32, microBatchSize: 2, steps: options.steps },
    ...{ evaluateEvery: 0, engine: options.engine },
  };
  const sets = Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  const args = ["coordinator", "--data", folder, "--run", run, "--listen", "127.0.0.1:0", ...sets];
  const coordinator = start([...args, "--min-workers", "2", "--audit", audit]);
  const url = await coordinator.url;
  const fault = slow === undefined ? {} : { SMALLINIT_CHAOS: `slow@computing:times=${slow}` };
  const workers = [
    start(["worker", url, "--threads", "1"], fault),
    start(["worker", url, "--threads", "1"]),
  ];
  for (const one of [coordinator, ...workers]) await one.ended;
  const lines = (file) =>
    readFileSync(join(run, file), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  const steps = lines("metrics.jsonl").filter(({ loss }) => loss !== undefined);
  const division = lines("events.jsonl").find(({ type }) => type === "division");
  if (slow === undefined)
    return { ...times(steps.slice(WARMUP_STEPS)), isDivided: division !== undefined };
  if (division === undefined) return times(steps.slice(WARMUP_STEPS));
  // Rows count updates done: that of `division.step` is the last with even shares.
  return {
    before: times(steps.slice(WARMUP_STEPS, division.step)),
    after: times(steps.slice(division.step)),
    leaves: division.leaves.map(({ lo, hi }) => hi - lo),
  };
}

function times(rows) {
  const median = (key) => Number(medianOf(rows.map((row) => row[key]))?.toFixed(1));
  return { stepMs: median("stepMs"), computeMs: median("computeMs"), steps: rows.length };
}

function start(args, environment = {}) {
  const child = spawn(process.execPath, [COMMAND, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment },
  });
  children.add(child);
  let output = "";
  let tell = () => {};
  const url = new Promise((resolve) => {
    tell = resolve;
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data) => {
      output += data;
      const found = /smallinit worker '([^']+)'/.exec(output)?.[1];
      if (found !== undefined) tell(found);
    });
  }
  const ended = new Promise((resolve, reject) => {
    child.once("close", (code) => {
      children.delete(child);
      if (code === 0) resolve();
      else reject(new Error(`${args[0]} ended with ${code}:\n${output}`));
    });
  });
  return { url: Promise.race([url, ended]), ended };
}
