// How long a run takes to get over the `kill -9` of one of its workers: one run under `launch --chaos`
// in which workers are killed in turn, and started again in between.
//
//     npm run build && node scripts/bench/recovery.mjs [--kills 50] [--workers 4] [--every 40]
//         [--preset tiny] [--out recovery]
//
// Prints the median and the worst of what the two steps after each kill took beyond two usual ones,
// without those that another kill overlapped, and whether the run kept its promises.
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
    kills: { type: "string", default: "50" },
    workers: { type: "string", default: "4" },
    every: { type: "string", default: "40" },
    preset: { type: "string", default: "tiny" },
    out: { type: "string", default: "recovery" },
  },
});
const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const [numKills, numWorkers, every] = [options.kills, options.workers, options.every].map(Number);
const data = join(options.out, "data");
const run = join(options.out, "run");

rmSync(run, { recursive: true, force: true });
writeMadeUpData(data);
const kills = Array.from(
  { length: numKills },
  (_, i) => `kill:${i % numWorkers}@${(i + 1) * every}`,
);
const code = launch(["--run", run, "--workers", String(numWorkers), "--chaos", kills.join(",")]);
const { faults, findings } = JSON.parse(readFileSync(join(run, "chaos.json"), "utf8"));
const times = faults
  .flatMap(({ recoveryMs, isOverlapped }) => (isOverlapped ? [] : [recoveryMs ?? []].flat()))
  .sort((a, b) => a - b);
const kept = findings.every(({ isKept }) => isKept) ? "kept" : "BROKEN";
console.log(
  `${times.length} kills: median ${medianOf(times)} ms, worst ${times.at(-1)} ms; ` +
    `promises ${kept}; load average ${loadavg()[0]?.toFixed(1)}`,
);
process.exitCode = code;

function launch(args) {
  const steps = ["--set", `steps=${(numKills + 1) * every}`, "--set", "checkpointEvery=200"];
  const all = ["launch", "--data", data, "--preset", options.preset, ...steps, ...args];
  return spawnSync(process.execPath, [MAIN, ...all], { stdio: ["ignore", "ignore", "inherit"] })
    .status;
}
