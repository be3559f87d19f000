// Trains again and again under random faults, with real processes, and reports what was survived.
//
//     npm run build && node scripts/soak.mjs [--minutes 60] [--seed 1] [--mean-fault-seconds 10]
//         [--workers 4] [--steps 400] [--preset demo] [--engine auto] [--core-share 0.3]
//         [--out soak]
//
// Each round is one `launch --chaos random:...` of a small model, judged at its end: digest of the
// undisturbed run (computed once, with one worker), every step and leaf counted once, no process left.
// Before and after every round the same workers do some steps without faults, through the same relays, which
// cost some: what throughput is compared with, as near in time as can be, since machines change their
// speed within minutes. Once they do as many as in a round: what of all its time any run spends on
// evaluations and on its slow beginning. With --core-share (Linux, root) each worker has its share of a core to itself, as on a host of
// its own, and what the members there were could do is known; without, three can do what four can where
// they share two cores, and who starts again takes it from them. OUT/soak.json and OUT/soak.md are written
// after every round; a round whose promises were broken keeps its run folder. On a machine that others use,
// confine it: `taskset -c 1 nice -n 5 node scripts/soak.mjs`.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { medianOf } from "../dist/base/median.js";
import { giveCoreShares } from "./core-shares.mjs";
import { writeMadeUpData } from "./write-made-up-data.mjs";

/** What fewer workers can do is measured again so often. */
const ROUNDS_PER_FEWER = 3;

/** A dozen leaves divide among four, three or two members with none left over. */
const LEAVES = ["batchSize=48", "microBatchSize=4"];

/** Steps without faults between rounds, the first fifth of which is not measured. */
const CALM_STEPS = 100;

/** The relays of a run with faults, and once in a thousand minutes one. */
const NO_FAULTS = "random:0.001/min,seed=1";

const { values: options } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    seed: { type: "string", default: "1" },
    "mean-fault-seconds": { type: "string", default: "10" },
    workers: { type: "string", default: "4" },
    steps: { type: "string", default: "400" },
    preset: { type: "string", default: "demo" },
    engine: { type: "string", default: "auto" },
    "core-share": { type: "string" },
    out: { type: "string", default: "soak" },
  },
});
const MAIN = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const { out } = options;
const [minutes, seed, steps] = [options.minutes, options.seed, options.steps].map(Number);
const numWorkers = Number(options.workers);
const coreShare = options["core-share"] && Number(options["core-share"]);
const perMinute = 60 / Number(options["mean-fault-seconds"]);
const data = join(out, "data");
const startMs = Date.now();
const endMs = startMs + minutes * 60_000;
const rounds = [];

// Tried at once: who may not make control groups hears of it now.
if (coreShare !== undefined) giveCoreShares(numWorkers, coreShare)();
writeMadeUpData(data);
say(`soak of ${minutes} min, ${perMinute.toFixed(2)} faults a minute, ${options.workers} workers`);
const digest = await undisturbedDigest(steps);
const calmDigest = await undisturbedDigest(CALM_STEPS);
say(`undisturbed digest ${digest}`);
/** Of a whole run without faults, the part that usual steps would have taken. */
const { steadiness } = await trainCalmly(numWorkers, steps, digest);
/** By number of members: how fast they were in their shares, relative to all, each time it was measured. */
const relativeSpeeds = new Map();
let calmMs = await usualMsOf(numWorkers);
for (let round = 0; isTimeForAnother(); round++) {
  if (coreShare !== undefined && round % ROUNDS_PER_FEWER === 0) await measureFewer(round);
  await doRound(round);
}
process.exitCode = rounds.length > 0 && rounds.every(({ isKept }) => isKept) ? 0 : 1;

/** The last round may end a little late, and is not begun when it would end much too late. */
function isTimeForAnother() {
  const lastMs = rounds.at(-1)?.ms ?? 0;
  return Date.now() + lastMs / 2 < endMs;
}

/**
 * Fewer workers in their shares: once, but for one less each time, compared with all before and after. So few
 * that `launch` gives each more threads than among all (one of four, on two cores) are measured too slow.
 */
async function measureFewer(round) {
  for (let n = round === 0 ? 1 : numWorkers - 1; n < numWorkers; n++) {
    const usualMs = await usualMsOf(n);
    const afterMs = await usualMsOf(numWorkers);
    const speed = (calmMs + afterMs) / 2 / usualMs;
    relativeSpeeds.set(n, [...(relativeSpeeds.get(n) ?? []), speed]);
    calmMs = afterMs;
  }
}

/** What a usual step of so many workers takes now, without faults. */
async function usualMsOf(workers) {
  return (await trainCalmly(workers, CALM_STEPS, calmDigest)).usualMs;
}

async function doRound(round) {
  const beginMs = Date.now();
  const run = join(out, `round-${round}`);
  rmSync(run, { recursive: true, force: true });
  const chaos = `random:${perMinute}/min,seed=${seed + round},digest=${digest}`;
  const code = await confined([...launchArgs(run, options.workers, steps), "--chaos", chaos]);
  const report = readJson(join(run, "chaos.json"));
  const summary = readJson(join(run, "summary.json"));
  const beforeMs = calmMs;
  calmMs = await usualMsOf(numWorkers);
  rounds.push({
    round,
    seed: seed + round,
    isKept: code === 0,
    broken: report.findings?.filter(({ isKept }) => !isKept) ?? ["no verdict"],
    steps: summary.steps ?? 0,
    faults: report.faults ?? [],
    trainedMs: report.trainedMs ?? 0,
    meanWorkersAlive: report.meanWorkersAlive ?? 0,
    msByMembers: Object.fromEntries(msByMembers(run)),
    usualMs: medianOf(stepTimes(run, numWorkers)) ?? beforeMs,
    calmMs: (beforeMs + calmMs) / 2,
    coordinatorDownMs: report.coordinatorDownMs ?? 0,
    load: loadavg()[0],
    ms: Date.now() - beginMs,
  });
  if (code === 0) rmSync(run, { recursive: true, force: true });
  writeFileSync(
    join(out, "soak.json"),
    `${JSON.stringify({ options, digest, rounds }, null, 2)}\n`,
  );
  writeFileSync(join(out, "soak.md"), markdown());
  const numFaults = rounds.reduce((sum, { faults }) => sum + faults.length, 0);
  const minutesDone = ((Date.now() - startMs) / 60_000).toFixed(1);
  say(
    `round ${round}: ${code === 0 ? "kept" : "BROKEN"}; ${numFaults} faults in ${minutesDone} min`,
  );
}

/** How long there were how many members, by the run's own record. */
function msByMembers(run) {
  const events = readLines(join(run, "events.jsonl"));
  const lengths = new Map();
  let [members, sinceMs] = [[], undefined];
  for (const { type, time, ...event } of events) {
    const nowMs = Date.parse(time);
    const n = members.length;
    if (sinceMs !== undefined) lengths.set(n, (lengths.get(n) ?? 0) + nowMs - sinceMs);
    if (type === "generation") members = event.members;
    if (type === "lost") members = members.filter((id) => id !== event.workerId);
    if (members.length > 0 || sinceMs !== undefined) sinceMs = nowMs;
  }
  return lengths;
}

/** Mean of what the members that there were can do, relative to all. */
function capacityOf({ msByMembers: lengths }) {
  const entries = Object.entries(lengths);
  const done = sumOf(entries.map(([n, ms]) => relativeSpeedOf(Number(n)) * ms));
  return done / sumOf(entries.map(([, ms]) => ms));
}

function relativeSpeedOf(n) {
  if (n === 0 || n === numWorkers) return n / numWorkers;
  if (coreShare !== undefined) return medianOf(relativeSpeeds.get(n));
  const cores = availableParallelism();
  return Math.min(n, cores) / Math.min(numWorkers, cores);
}

/** Of what the members that there were can do while a coordinator runs, where a usual step of all takes so long. */
function keptBy(usualMs, one) {
  const ms = (one.trainedMs - one.coordinatorDownMs) * steadiness;
  return (one.steps * usualMs) / (capacityOf(one) * ms);
}

/** Of the steps that `n` members did. */
function stepTimes(run, n) {
  const rows = readLines(join(run, "metrics.jsonl"));
  return rows.flatMap(({ stepMs, workers }) => (workers === n ? (stepMs ?? []) : []));
}

function launchArgs(run, workers, numSteps) {
  const { preset, engine } = options;
  const often = ["checkpointEvery=25", "evaluateEvery=100"];
  const settings = [...often, ...LEAVES, `steps=${numSteps}`, `engine=${engine}`];
  const set = settings.flatMap((one) => ["--set", one]);
  const folders = ["--data", data, "--run", run, "--workers", String(workers)];
  return ["launch", ...folders, "--preset", preset, ...set];
}

async function undisturbedDigest(numSteps) {
  const run = join(out, "undisturbed");
  rmSync(run, { recursive: true, force: true });
  const code = await smallinit(launchArgs(run, 1, numSteps));
  const { parameterDigest } = readJson(join(run, "summary.json"));
  if (code !== 0) throw new Error(`the undisturbed run in ${run} ended with code ${code}`);
  rmSync(run, { recursive: true, force: true });
  return parameterDigest;
}

/** Trains without faults, judged by a digest. Gives what a usual step took, and what part of all time such steps take. */
async function trainCalmly(workers, numSteps, judgedBy) {
  const run = join(out, "calm");
  rmSync(run, { recursive: true, force: true });
  const chaos = `${NO_FAULTS},digest=${judgedBy}`;
  const code = await confined([...launchArgs(run, workers, numSteps), "--chaos", chaos]);
  if (code !== 0) throw new Error(`the run without faults in ${run} ended with code ${code}`);
  const { trainedMs } = readJson(join(run, "chaos.json"));
  const stepsMs = stepTimes(run, workers);
  rmSync(run, { recursive: true, force: true });
  const usualMs = medianOf(stepsMs.slice(numSteps / 5));
  return { usualMs, steadiness: (numSteps * usualMs) / trainedMs };
}

/** Each worker to its share, where they have shares. */
async function confined(args) {
  if (coreShare === undefined) return smallinit(args);
  const endShares = giveCoreShares(numWorkers, coreShare);
  const code = await smallinit(args);
  endShares();
  return code;
}

async function smallinit(args) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const [code] = await once(child, "close");
  return code;
}

/** None of a run that was broken before it wrote any. */
function readLines(path) {
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return {};
  }
}

function markdown() {
  const faults = rounds.flatMap((one) => one.faults);
  const kinds = [...new Set(faults.map(({ kind }) => kind))].sort();
  const trainedMs = sumOf(rounds.map((one) => one.trainedMs));
  const lostMs = sumOf(rounds.map((one) => lostTime(one.faults)));
  const numKept = rounds.filter(({ isKept }) => isKept).length;
  const meanOf = (value) => sumOf(rounds.map((one) => value(one) * one.trainedMs)) / trainedMs;
  const kept = meanOf((one) => keptBy(one.calmMs, one));
  const median = medianOf(rounds.map((one) => keptBy(one.calmMs, one)));
  const downMs = sumOf(rounds.map((one) => one.coordinatorDownMs));
  const alive = meanOf((one) => one.meanWorkersAlive);
  const capacity = meanOf(capacityOf);
  const speeds = [...relativeSpeeds].map(([n, ratios]) => `${n}: ${percent(medianOf(ratios))}`);
  const fewer = `- Speed of fewer workers without faults, each in its share of ${coreShare} of a core: ${speeds.join(", ")}.`;
  const lines = [
    "| fault | survived | recovery, median | worst |",
    "| --- | --- | --- | --- |",
    ...[...kinds, undefined].map((kind) => rowOf(kind, faults)),
    "",
    `- ${numKept} of ${rounds.length} rounds of ${steps} steps kept every promise; ` +
      `${faults.length} faults in ${(trainedMs / 60_000).toFixed(1)} min of training ` +
      `(${((Date.now() - startMs) / 60_000).toFixed(1)} min in all), seeds from ${seed}.`,
    `- Throughput kept, of what the members that there were can do undisturbed while a coordinator runs: ${percent(kept)} ` +
      `over all time, ${percent(median)} in the median of the rounds.`,
    `- The same by usual steps of all members in the rounds themselves, not just before and after: ${percent(meanOf((one) => keptBy(one.usualMs, one)))}.`,
    ...(coreShare === undefined ? [] : [fewer]),
    `- What the members that there were can do, of what all can: ${percent(capacity)}; processes alive: ` +
      `${alive.toFixed(2)} of ${numWorkers}; no coordinator for ${seconds(downMs)} in all.`,
    `- Time not spent recovering: ${percent(1 - lostMs / trainedMs)}.`,
    `- Load average ${medianOf(rounds.map(({ load }) => load)).toFixed(1)} on ` +
      `${availableParallelism()} core(s) given to it, median of the rounds.`,
  ];
  return `${lines.join("\n")}\n`;
}

/** All kinds when `kind` is undefined. Overlapping faults count as survived, not as times. */
function rowOf(kind, faults) {
  const these = faults.filter((one) => kind === undefined || one.kind === kind);
  const times = these.flatMap((one) =>
    one.isOverlapped || one.recoveryMs === undefined ? [] : [one.recoveryMs],
  );
  const worst = seconds(times.length === 0 ? undefined : Math.max(...times));
  return `| ${kind ?? "all"} | ${these.length} | ${seconds(medianOf(times))} | ${worst} |`;
}

/** Union of the times of recovery: those of overlapping faults count once. */
function lostTime(faults) {
  let [lost, until] = [0, 0];
  for (const { atMs, recoveryMs = 0 } of faults) {
    lost += Math.max(0, atMs + recoveryMs - Math.max(atMs, until));
    until = Math.max(until, atMs + recoveryMs);
  }
  return lost;
}

function sumOf(values) {
  return values.reduce((sum, value) => sum + value, 0);
}

function seconds(ms) {
  if (ms === undefined) return "-";
  return `${(ms / 1000).toFixed(2)} s`;
}

function percent(share) {
  return `${(share * 100).toFixed(1)} %`;
}

function say(text) {
  console.log(`${new Date().toISOString()} ${text}`);
}
