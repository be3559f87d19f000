import { existsSync, readFileSync, writeFileSync } from "node:fs";

/** Merges a result of `ddp.mjs` into the raw numbers at `path`, and writes BENCHMARKS.md beside. */
export function writeBenchmarksPage(path, result) {
  const results = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};
  results[`${result.engine} ${result.precision} ${result.size}`] = rounded(result);
  writeFileSync(path, `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(new URL("BENCHMARKS.md", `file://${path}`), page(Object.values(results)));
}

function page(results) {
  return `# Benchmarks

Written by \`scripts/bench/ddp.mjs\` from what it measured (raw numbers: [benchmarks.json](benchmarks.json)).
To repeat:

\`\`\`
npm run build && node scripts/bench/ddp.mjs --python PYTHON_WITH_TORCH
\`\`\`

Two workers of one thread each on two cores, against PyTorch DDP over gloo: two processes of one thread
each, which find each other through MASTER_ADDR=127.0.0.1. Both sides do whole steps (token feed, forward,
backward, all-reduce, clip, AdamW - fused in PyTorch -, metrics) of the same model with the same batch; one
leaf per worker and step. The sides take turns in every round; a speed is that of the median step and round, a ratio
the median of the ratios within rounds. The load (processes that want a core, both sides' own two
included) says how far speeds can be trusted: what is above that is other work on the machine, which lowers
them. The time that all processes of a side, coordinator included, had a core for a step depends on it less,
but does not count waiting.

PyTorch gives large blocks of memory back to the system in every step and gets them again. Where page faults are dear, as on some
virtual machines, that costs it much: on the machine of most of these rows its step of the size b on one core took half the time with
\`GLIBC_TUNABLES=glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=4294967296\`, which keeps the blocks. With that for both
sides, in one round, the ratios were 1.69 (s), 1.98 (m) in f32, and 1.38 (s), 1.53 (m), 1.30 (b) in bf16. On a machine with half the speed
they were, without it, 1.42, 1.32 and 1.42 in f32, and 1.56, 1.08 and 1.35 in bf16, with the code of some days before.

## What was compared

| size | layers x width x context, vocabulary | batch | steps counted | rounds | load | machine | versions |
| --- | --- | --- | --- | --- | --- | --- | --- |
${results.map(setupRow).join("\n")}

## Speed

Scaling is the speed of two workers, or processes, on two cores over twice that of one on one core, where each has as much to do in a
step. The machine's bound is the same for two runs of one worker each, at the same time, that do not know of each other: what two cores
lose by sharing caches, memory and clock.

| size | engine, precision | smallinit, tokens/s | PyTorch DDP, tokens/s | ratio | one worker, tokens/s | scaling | machine's bound | scaling of PyTorch | core-seconds a step, smallinit | PyTorch |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
${results.map(speedRow).join("\n")}

## Start and memory

From the start of the command to the first finished step, and the peak of resident memory (VmHWM) of the
largest worker while it trains.

| size | engine, precision | first step, smallinit | first step, PyTorch | memory, smallinit | memory, PyTorch |
| --- | --- | --- | --- | --- | --- |
${results.map(startRow).join("\n")}
`;
}

function setupRow({ size, model, batchSize, steps, rounds, load, machine, versions }) {
  const { numLayers, embeddingSize, contextLength, vocabSize } = model;
  const shape = `${numLayers} x ${embeddingSize} x ${contextLength}, ${vocabSize}`;
  const software = `Node ${versions.node}, ${versions.runtime}, PyTorch ${versions.torch}`;
  const kind = `${machine.cpu}, ${machine.cores} cores`;
  return row(size, shape, batchSize, steps.counted, rounds, load, kind, software);
}

function speedRow(result) {
  const { size, engine, precision, tokensPerSecond, ratio, scaling, cpuSecondsPerStep } = result;
  const { smallinit, torch, oneWorker } = tokensPerSecond;
  const rates = [smallinit, torch].map((rate) => rate.toFixed(0));
  const percents = [scaling, result.bound, result.torchScaling].map((part) =>
    part === undefined ? "" : `${(100 * part).toFixed(0)} %`,
  );
  const kind = `${engine}, ${precision}`;
  const cpu = [cpuSecondsPerStep.smallinit, cpuSecondsPerStep.torch].map((x) => x.toFixed(2));
  return row(size, kind, ...rates, ratio.toFixed(2), oneWorker.toFixed(0), ...percents, ...cpu);
}

function startRow({ size, engine, precision, firstStepMs, peakMiB }) {
  const seconds = [firstStepMs.smallinit, firstStepMs.torch].map(
    (ms) => `${(ms / 1e3).toFixed(1)} s`,
  );
  const memory = [peakMiB.smallinit, peakMiB.torch].map(
    (mebibytes) => `${mebibytes.toFixed(0)} MiB`,
  );
  return row(size, `${engine}, ${precision}`, ...seconds, ...memory);
}

function row(...cells) {
  return `| ${cells.join(" | ")} |`;
}

/** Four digits are more than such a measurement holds. */
function rounded(value) {
  if (typeof value === "number") return Number(value.toPrecision(4));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, rounded(part)]));
}
