// What a fault costs in all: the wait for the step that it hits, and what the steps after it take longer,
// while a process starts again, catches up and becomes warm.
//
//     npm run build && node scripts/bench/fault-cost.mjs [--rounds 3] [--workers 4] [--preset demo]
//         [--engine auto] [--every 120] [--out fault-cost]
//
// For each kind one run, in which it strikes every 120 steps. Compared with usual steps of the same run, just
// before and long after the fault, so that the speed of the machine is not in it. Prints medians; a run
// whose promises were broken ends the script with its exit code.
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { medianOf } from "../../dist/base/median.js";
import { writeMadeUpData } from "../write-made-up-data.mjs";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    workers: { type: "string", default: "4" },
    preset: { type: "string", default: "demo" },
    engine: { type: "string", default: "auto" },
    every: { type: "string", default: "120" },
    out: { type: "string", default: "fault-cost" },
  },
});
const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const [rounds, numWorkers, every] = [options.rounds, options.workers, options.every].map(Number);

/** Of freezing: for longer than it takes to be given up, and back well before the next. */
const KINDS = {
  kill: (step, worker) => `kill:${worker}@${step}`,
  freeze: (step, worker) => `freeze:${worker}@${step}:4s`,
  "half-open, to the coordinator": (step, worker) => `half-open:${worker}@${step}`,
  "half-open, between workers": (step, worker) => `half-open:${pairOf(worker)}@${step}`,
  "cut, to the coordinator": (step, worker) => `cut:${worker}@${step}`,
  "cut, between workers": (step, worker) => `cut:${pairOf(worker)}@${step}`,
  "kill coordinator": (step) => `coordinator@${step}`,
};

/** Steps before each fault that are usual ones; those in between are compared with them. */
const NUM_BEFORE = 20;
const numAfter = every - 2 * NUM_BEFORE;

const data = join(options.out, "data");
writeMadeUpData(data);
const digest = undisturbedDigest();
console.log("| fault | the step that it hits | later steps | in all | usual step |");
console.log("| --- | --- | --- | --- | --- |");
for (const [kind, faultAt] of Object.entries(KINDS)) measure(kind, faultAt);
console.log(`\nLoad average ${loadavg()[0].toFixed(1)}; medians of ${rounds}.`);

function measure(kind, faultAt) {
  const run = join(options.out, "run");
  rmSync(run, { recursive: true, force: true });
  const struck = Array.from({ length: rounds }, (_, i) => (i + 1) * every);
  const chaos = struck.map((step, i) => faultAt(step, i % numWorkers)).join(",");
  const workers = ["--workers", String(numWorkers)];
  launch(run, [...workers, "--chaos", `${chaos},digest=${digest}`]);
  const { faults } = JSON.parse(readFileSync(join(run, "chaos.json"), "utf8"));
  const stepMs = new Map();
  for (const line of readFileSync(join(run, "metrics.jsonl"), "utf8").trimEnd().split("\n")) {
    const row = JSON.parse(line);
    if (row.stepMs !== undefined) stepMs.set(row.step, row.stepMs);
  }
  const costs = struck.map((step, i) => {
    const msOf = (from, to) =>
      Array.from({ length: to - from }, (_, k) => stepMs.get(from + k) ?? []).flat();
    const last = step + 2 + numAfter;
    const before = medianOf(msOf(step - NUM_BEFORE, step));
    const usualMs = (before + medianOf(msOf(last, last + NUM_BEFORE - 2))) / 2;
    const later = msOf(step + 3, last).reduce((sum, ms) => sum + ms - usualMs, 0);
    return { hitMs: faults[i].recoveryMs, laterMs: later, usualMs };
  });
  const median = (timeOf) => medianOf(costs.map(timeOf));
  const cells = [
    kind,
    inSeconds(median(({ hitMs }) => hitMs)),
    inSeconds(median(({ laterMs }) => laterMs)),
    inSeconds(median(({ hitMs, laterMs }) => hitMs + laterMs)),
    `${median(({ usualMs }) => usualMs).toFixed(0)} ms`,
  ];
  console.log(`| ${cells.join(" | ")} |`);
}

/** By which each run is judged. */
function undisturbedDigest() {
  const run = join(options.out, "undisturbed");
  rmSync(run, { recursive: true, force: true });
  launch(run, ["--workers", "1"]);
  return JSON.parse(readFileSync(join(run, "summary.json"), "utf8")).parameterDigest;
}

/** Another worker and the next. */
function pairOf(worker) {
  return `${worker}-${(worker + 1) % numWorkers}`;
}

function inSeconds(ms) {
  return `${(ms / 1000).toFixed(2)} s`;
}

function launch(run, args) {
  const often = ["checkpointEvery=50", "evaluateEvery=10000"];
  // Twelve leaves divide among four, three or two members with none left over.
  const settings = [...often, "batchSize=48", "microBatchSize=4", `engine=${options.engine}`];
  const set = [...settings, `steps=${(rounds + 1) * every}`].flatMap((one) => ["--set", one]);
  const all = ["launch", "--data", data, "--run", run, "--preset", options.preset, ...set, ...args];
  const { status } = spawnSync(process.execPath, [MAIN, ...all], { stdio: "ignore" });
  if (status === 0) return;
  console.error(
    `The run in ${run} ended with exit code ${status}: its logs and chaos.json say why.`,
  );
  process.exit(status ?? 1);
}
