// Training speed, start-up and memory of smallinit against PyTorch DDP; writes docs/BENCHMARKS.md.
//
//     npm run build && node scripts/bench/ddp.mjs [--sizes s,m,b] [--rounds 3]
//         [--engines onnx] [--precision f32] [--python python3] [--no-write] [--no-bound]
//
// Both sides train the same model on the same tokens: feed, forward, backward, all-reduce, clip, AdamW
// and a row of metrics per step, in two processes of one thread each on two cores. smallinit is
// started by `launch`; PyTorch as two processes with RANK, WORLD_SIZE and MASTER_ADDR=127.0.0.1
// (what torchrun sets; torchrun --standalone hangs where the host's name does not resolve). The sides
// take turns within each round, so that a change in the machine's load meets all of them: what counts
// are the ratios, each taken within its round. How both sides scale is measured with one worker, or process, on
// one core, which has as much to do in a step as each of two. Two runs of one worker each, one per core and at the same
// time, show how much of the scaling is the machine's own (shared caches, memory, clock); --no-bound leaves
// them out. A call may measure some sizes alone: results are merged
// into docs/benchmarks.json, from which the page is written. Linux only: it reads /proc and calls taskset.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { medianOf } from "../../dist/base/median.js";
import { writeBenchmarksPage } from "./benchmarks-page.mjs";
import { SIZES } from "./sizes.mjs";

const STEPS = { s: 40, m: 8, b: 8 };
/** Steps of each run that are not counted: compilation, first use of memory. */
const WARMUP_STEPS = { s: 5, m: 2, b: 2 };
const NUM_TRAIN_TOKENS = 200_000;
const POLL_MS = 10;

const { values: options } = parseArgs({
  options: {
    sizes: { type: "string", default: "s,m,b" },
    rounds: { type: "string", default: "3" },
    engines: { type: "string", default: "onnx" },
    precision: { type: "string", default: "f32" },
    python: { type: "string", default: process.env.SMALLINIT_PYTHON ?? "python3" },
    "no-write": { type: "boolean", default: false },
    "no-bound": { type: "boolean", default: false },
  },
});

const COMMAND = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const TORCH_SCRIPT = fileURLToPath(new URL("torch_ddp.py", import.meta.url));
const RESULTS = fileURLToPath(new URL("../../docs/benchmarks.json", import.meta.url));

const torchVersion = versionOfTorch();
const folder = mkdtempSync(join(tmpdir(), "smallinit-ddp-"));
try {
  for (const size of options.sizes.split(",")) {
    for (const precision of options.precision.split(",")) {
      for (const engine of options.engines.split(",")) {
        const result = await measure({ size, precision, engine });
        if (!options["no-write"]) writeBenchmarksPage(RESULTS, result);
      }
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Alternates the three kinds of run, and gives the medians. */
async function measure({ size, precision, engine }) {
  const shape = SIZES[size];
  if (shape === undefined) throw new Error(`There is no size "${size}"; sizes: s, m, b.`);
  const { block, ...model } = shape;
  const data = writeTokens(size, shape);
  const job = { size, precision, engine, block, model, data, steps: STEPS[size] };
  const rounds = [];
  for (let round = 0; round < Number(options.rounds); round++) {
    const two = await runSmallinit(job, 2);
    const torch = await runTorch(job, 2);
    const one = await runSmallinit(job, 1);
    const oneTorch = await runTorch(job, 1);
    const apart = options["no-bound"] ? undefined : await runApart(job);
    rounds.push({ two, torch, one, oneTorch, apart, load: loadavg()[0] });
    const ratio = two.tokensPerSecond / torch.tokensPerSecond;
    const rates = [two, torch, one, oneTorch].map((run) => run.tokensPerSecond.toFixed(0));
    console.log(
      `${size} ${engine} ${precision}: two workers ${rates[0]}, PyTorch DDP ${rates[1]}, ` +
        `one worker ${rates[2]}, one process ${rates[3]}` +
        `${apart === undefined ? "" : `, two apart ${apart.toFixed(0)}`} tokens/s; ` +
        `ratio ${ratio.toFixed(2)}; load ${loadavg()[0].toFixed(1)}`,
    );
  }
  const over = (of) => medianOf(rounds.map(of));
  const of = (side, key) => over((round) => round[side][key]);
  return {
    ...{ size, engine, precision, rounds: rounds.length, model },
    steps: { counted: STEPS[size] - WARMUP_STEPS[size], skipped: WARMUP_STEPS[size] },
    batchSize: 2 * block,
    machine: { cpu: cpuKind(), cores: cpus().length },
    load: over((round) => round.load),
    versions: { node: process.version, torch: torchVersion, runtime: rounds[0].two.runtime },
    tokensPerSecond: {
      smallinit: of("two", "tokensPerSecond"),
      torch: of("torch", "tokensPerSecond"),
      oneWorker: of("one", "tokensPerSecond"),
      oneTorch: of("oneTorch", "tokensPerSecond"),
    },
    ratio: over(({ two, torch }) => two.tokensPerSecond / torch.tokensPerSecond),
    scaling: over(({ two, one }) => two.tokensPerSecond / one.tokensPerSecond / 2),
    torchScaling: over(
      ({ torch, oneTorch }) => torch.tokensPerSecond / oneTorch.tokensPerSecond / 2,
    ),
    ...(options["no-bound"]
      ? {}
      : { bound: over(({ apart, one }) => apart / one.tokensPerSecond / 2) }),
    cpuSecondsPerStep: {
      smallinit: of("two", "cpuSecondsPerStep"),
      torch: of("torch", "cpuSecondsPerStep"),
    },
    firstStepMs: { smallinit: of("two", "firstStepMs"), torch: of("torch", "firstStepMs") },
    peakMiB: { smallinit: of("two", "peakMiB"), torch: of("torch", "peakMiB") },
  };
}

/** Tokens per second in all of two runs of one worker each, on a core of its own, which do not know of each other. */
async function runApart(job) {
  const runs = await Promise.all(["0", "1"].map((core) => runSmallinit(job, 1, core)));
  return runs.reduce((sum, { tokensPerSecond }) => sum + tokensPerSecond, 0);
}

/** One run of `launch`; with one worker, on one core. Each worker has one leaf a step. */
async function runSmallinit(job, numWorkers, core = "0") {
  const { size, engine, precision, block, model, data, steps } = job;
  const run = mkdtempSync(join(folder, "run-"));
  rmSync(run, { recursive: true });
  const settings = {
    ...{ ...model, engine, precision, steps, seed: 1, allReduce: "mesh" },
    ...{
      batchSize: numWorkers * block,
      microBatchSize: block,
      learningRate: 0.001,
      gradientClip: 1,
    },
  };
  const set = Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  const args = ["launch", "--data", data, "--run", run, "--workers", `${numWorkers}`, ...set];
  const numSkipped = WARMUP_STEPS[size];
  const watch = { metrics: join(run, "metrics.jsonl"), steps, numSkipped };
  const cores = numWorkers === 1 ? core : "0,1";
  const observed = await observe([["taskset", ["-c", cores, process.execPath, COMMAND, ...args]]], {
    ...watch,
    // The coordinator computes no step: memory is that of its children.
    peakOf: (pid) => childrenOf(pid),
  });
  const log = readFileSync(join(run, "logs", "worker-0.log"), "utf8");
  const runtime = /Engine: (.*), \d+ thread/.exec(log)?.[1];
  const tokensPerSecond = steadyRate(watch.metrics, size, { ...job, numWorkers });
  return { ...observed, runtime, tokensPerSecond };
}

/** Processes of one thread each that find one another on 127.0.0.1; a single one is on one core. */
async function runTorch(job, numProcesses) {
  const { size, precision, block, model, data, steps } = job;
  const metrics = join(mkdtempSync(join(folder, "torch-")), "metrics.jsonl");
  const full = { ...model, ffnSize: 3 * model.embeddingSize };
  const given = { model: full, train: join(data, "train.bin"), metrics, steps, precision };
  const text = JSON.stringify({ ...given, batchSize: numProcesses * block });
  const port = await freePort();
  const commands = Array.from({ length: numProcesses }, (_, rank) => [
    "taskset",
    ["-c", numProcesses === 1 ? "0" : "0,1", options.python, TORCH_SCRIPT, text],
    {
      ...{ MASTER_ADDR: "127.0.0.1", MASTER_PORT: `${port}` },
      ...{ RANK: `${rank}`, WORLD_SIZE: `${numProcesses}` },
      ...{ OMP_NUM_THREADS: "1", GLOO_SOCKET_IFNAME: "lo" },
    },
  ]);
  const observed = await observe(commands, {
    metrics,
    steps,
    numSkipped: WARMUP_STEPS[size],
    peakOf: (pid) => [pid],
  });
  const tokensPerSecond = steadyRate(metrics, size, { ...job, numWorkers: numProcesses });
  return { ...observed, tokensPerSecond };
}

/** Runs processes to their end; when the first row of metrics came, and the peak of memory until the last. */
async function observe(commands, { metrics, steps, numSkipped, peakOf }) {
  const startMs = performance.now();
  const children = commands.map(([command, args, env]) => {
    const child = spawn(command, args, {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, ...env },
    });
    let errors = "";
    child.stderr.on("data", (text) => {
      errors += text;
    });
    const ended = new Promise((resolve) => {
      child.once("error", (error) => resolve({ code: -1, errors: error.message }));
      child.once("close", (code) => resolve({ code, errors }));
    });
    return { pid: child.pid, ended };
  });
  const all = Promise.all(children.map(({ ended }) => ended));
  let isOver = false;
  void all.then(() => {
    isOver = true;
  });
  let firstStepMs;
  let peakMiB = 0;
  let since;
  let cpuSecondsPerStep;
  while (!isOver) {
    const numRows = textOf(metrics).split("\n").length - 1;
    if (numRows > 0) firstStepMs ??= performance.now() - startMs;
    // What comes after the last step, evaluation and checkpoint, PyTorch's side does not do.
    if (numRows > 0 && numRows < steps) {
      const pids = children.map((child) => `${child.pid}`);
      const now = {
        numRows,
        cpuSeconds: cpuSecondsOf(pids.flatMap((pid) => [pid, ...childrenOf(pid)])),
      };
      if (numRows >= numSkipped) since ??= now;
      if (since !== undefined && numRows > since.numRows) {
        cpuSecondsPerStep = (now.cpuSeconds - since.cpuSeconds) / (numRows - since.numRows);
      }
      for (const pid of pids.flatMap(peakOf)) {
        peakMiB = Math.max(peakMiB, residentPeakMiB(pid));
      }
    }
    await sleep(POLL_MS);
  }
  for (const { code, errors } of await all) {
    if (code !== 0) throw new Error(`${commands[0][1].slice(2, 4).join(" ")} failed: ${errors}`);
  }
  return { firstStepMs, peakMiB, cpuSecondsPerStep };
}

/** Tokens per second of the median counted step: a step that others' work has delayed does not decide. */
function steadyRate(metrics, size, { block, model, numWorkers }) {
  const rows = textOf(metrics)
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const times = rows.flatMap(({ stepMs }) => (stepMs === undefined ? [] : [stepMs]));
  const counted = times.slice(WARMUP_STEPS[size]);
  return (numWorkers * block * model.contextLength * 1000) / medianOf(counted);
}

/** Random tokens, the same for both sides; uint16 as nanoGPT's files. */
function writeTokens(size, { vocabSize, contextLength }) {
  const data = mkdtempSync(join(folder, `data-${size}-`));
  const tokens = (length) =>
    Uint16Array.from({ length }, (_, i) => (i * 7919 + (i >> 3)) % vocabSize);
  writeFileSync(join(data, "train.bin"), tokens(NUM_TRAIN_TOKENS));
  writeFileSync(join(data, "val.bin"), tokens(4 * contextLength + 1));
  return data;
}

function residentPeakMiB(pid) {
  const peak = /VmHWM:\s+(\d+) kB/.exec(textOf(`/proc/${pid}/status`))?.[1];
  return peak === undefined ? 0 : Number(peak) / 1024;
}

/** What these processes have used of all cores, in the kernel's clock ticks of 10 ms. */
function cpuSecondsOf(pids) {
  const ticks = pids.map((pid) => {
    // The name of the command, in parentheses, may hold spaces.
    const fields = textOf(`/proc/${pid}/stat`).split(") ")[1]?.split(" ") ?? [];
    return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  });
  return ticks.reduce((sum, count) => sum + count, 0) / 100;
}

function childrenOf(pid) {
  return textOf(`/proc/${pid}/task/${pid}/children`).trim().split(" ").filter(Boolean);
}

/** Empty when there is no such file (yet). */
function textOf(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function versionOfTorch() {
  const command = ["-c", "import torch; print(torch.__version__)"];
  const { status, stdout } = spawnSync(options.python, command, { encoding: "utf8" });
  if (status === 0) return stdout.trim();
  throw new Error(`${options.python} cannot import torch: give --python or SMALLINIT_PYTHON.`);
}

/** "AMD EPYC", not the whole name of the part. */
function cpuKind() {
  return (cpus()[0]?.model ?? "unknown processor").split(/\s+/).slice(0, 2).join(" ");
}
