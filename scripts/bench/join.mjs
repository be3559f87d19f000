// What a worker that joins a run under way costs the others, in steps of theirs.
//
//     npm run build && node scripts/bench/join.mjs [--size s|m] [--members 2] [--rounds 3] [--apart]
//
// Starts a coordinator and members, lets one more worker join, and reads off the rows of metrics.jsonl
// when steps were committed: the median gap between commits before the joiner was started, while it made its engine
// (it takes a core for that, which on hosts of its own it would not), while its state and the sums were on their
// way ("catch-up" to "generation" in events.jsonl), and the gap in which the fleet was formed anew. After each round
// it brings as many bytes by way of one process to another over plain sockets: what all steps of the catching up took
// longer is to be no more than that. All shares one machine: ratios within a round count. With --apart
// (Linux) the members have a core of their own, and coordinator and joiner another. The batch is small for
// the model, so that steps are short against the state that travels: that is the hard case.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { medianOf } from "../../dist/base/median.js";
import { measureRelay } from "./bare-relay.mjs";

/** Shapes; the parameters are 0.8 and 10.7 million. */
const SIZES = {
  s: { contextLength: 64, embeddingSize: 128, numLayers: 4, numHeads: 4 },
  m: { contextLength: 64, embeddingSize: 384, numLayers: 6, numHeads: 6 },
};
/** Undisturbed steps before the joiner is started; the first are not counted. */
const STEPS_BEFORE = 25;
const WARMUP_STEPS = 5;
const STEPS_AFTER = 10;
const POLL_MS = 2;

const { values: options } = parseArgs({
  options: {
    size: { type: "string", default: "m" },
    members: { type: "string", default: "2" },
    rounds: { type: "string", default: "3" },
    "all-reduce": { type: "string", default: "mesh" },
    engine: { type: "string", default: "onnx" },
    apart: { type: "boolean", default: false },
  },
});
const COMMAND = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** Cores with --apart: the members share one. */
const MEMBERS_CORE = 0;
const OTHERS_CORE = 1;
/** What to put before a command so that it runs on this core, with --apart. */
const pinned = (core) => (options.apart ? ["taskset", "-c", String(core)] : []);

const folder = mkdtempSync(join(tmpdir(), "smallinit-join-"));
const children = new Set();
try {
  writeTokens(join(folder, "train.bin"), 100_000);
  writeTokens(join(folder, "val.bin"), 1000);
  const rounds = [];
  for (let round = 0; round < Number(options.rounds); round++) {
    rounds.push(await measure(join(folder, `run-${round}`)));
    console.log(JSON.stringify(rounds.at(-1)));
  }
  for (const key of [
    "startingRatio",
    "catchUpRatio",
    "catchUpSteps",
    "riseMs",
    "transferMs",
    "formSteps",
    "formMs",
  ]) {
    const values = rounds.flatMap((each) => (each[key] === null ? [] : [each[key]]));
    console.log(`${key}: median ${medianOf(values)}, of ${values.length} rounds`);
  }
} finally {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}

async function measure(run) {
  const settings = {
    ...{ ...SIZES[options.size], batchSize: 4, microBatchSize: 1, steps: 1_000_000, vocabSize: 65 },
    ...{ evaluateEvery: 0, checkpointEvery: 0, allReduce: options["all-reduce"] },
  };
  const sets = Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  const args = ["coordinator", "--data", folder, "--run", run, "--listen", "127.0.0.1:0", ...sets];
  const coordinator = start([...args, "--min-workers", options.members], OTHERS_CORE);
  const url = await until(() => /smallinit worker '([^']+)'/.exec(coordinator.output)?.[1]);
  const worker = (core) =>
    start(["worker", url, "--threads", "1", "--engine", options.engine], core);
  for (let i = 0; i < Number(options.members); i++) worker(MEMBERS_CORE);

  /** When the first commit after each number of steps was seen. */
  const commitsMs = [];
  const watch = (isReached) =>
    until(() => {
      const rows = linesOf(run, "metrics.jsonl").length;
      while (commitsMs.length < rows) commitsMs.push(performance.now());
      return isReached(rows) ? rows : undefined;
    });
  await watch((rows) => rows >= STEPS_BEFORE);
  const joiner = worker(OTHERS_CORE);
  await watch(() => eventsOf(run, "generation").length > 1);
  const [, formed] = eventsOf(run, "generation");
  const [catchUp] = eventsOf(run, "catch-up");
  await watch((rows) => rows >= formed.step + STEPS_AFTER);
  for (const child of children) child.kill("SIGKILL");

  /** Gaps between the commits of steps from + 1 to `to`. */
  const gaps = (from, to) => commitsMs.slice(from + 1, to).map((ms, i) => ms - commitsMs[from + i]);
  const usualMs = medianOf(gaps(WARMUP_STEPS, STEPS_BEFORE));
  const startingMs = medianOf(gaps(STEPS_BEFORE, catchUp.step - 1));
  const catchUpGaps = gaps(catchUp.step - 1, formed.step);
  const catchUpMs = medianOf(catchUpGaps);
  // f32: parameters and two moments, then a sum for each step.
  const numParams = Number(/(\d+) parameters/.exec(joiner.output)[1]);
  const numBytes = 4 * numParams * (3 + catchUpGaps.length);
  const formMs = commitsMs[formed.step] - commitsMs[formed.step - 1];
  return {
    load: loadavg()[0],
    usualMs: rounded(usualMs),
    startingRatio: rounded(startingMs / usualMs),
    catchUpSteps: formed.step - catchUp.step,
    catchUpRatio: rounded(catchUpMs / usualMs),
    /** What all these steps took longer, and what it takes to bring as many bytes over. */
    riseMs: rounded(catchUpGaps.reduce((sum, gap) => sum + gap - usualMs, 0)),
    transferMs: rounded(await measureRelay(numBytes, pinned)),
    /** The step in which the fleet was formed, in usual steps, and what it took longer. */
    formSteps: rounded(formMs / usualMs),
    formMs: rounded(formMs - usualMs),
    wasPaused: eventsOf(run, "pause").length > 0,
  };
}

function start(args, core) {
  const [program, ...rest] = [...pinned(core), process.execPath, COMMAND, ...args];
  const child = spawn(program, rest, { stdio: ["ignore", "pipe", "pipe"] });
  const running = { output: "" };
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data) => {
      running.output += data;
    });
  }
  children.add(child);
  child.once("exit", () => children.delete(child));
  return running;
}

async function until(look) {
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    await sleep(POLL_MS);
  }
}

function linesOf(run, file) {
  const path = join(run, file);
  return existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];
}

function eventsOf(run, type) {
  return linesOf(run, "events.jsonl")
    .map((line) => JSON.parse(line))
    .filter((event) => event.type === type);
}

function writeTokens(path, length) {
  const tokens = new Uint16Array(length);
  for (let i = 1; i < length; i++) tokens[i] = (tokens[i - 1] * 5 + 3 + (i % 7)) % 65;
  writeFileSync(path, tokens);
}

function rounded(value) {
  return Number.isFinite(value) ? Math.round(value * 1000) / 1000 : null;
}
