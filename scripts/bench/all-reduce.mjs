// Time of one all-reduce among processes on this machine: the Exchange over its mesh of links, through memory
// and over sockets, with an f32 and a bf16 wire; gloo (where a Python with torch is found: SMALLINIT_PYTHON,
// else python3); and bare sockets that move the same bytes as the f32 wire both ways and add nothing.
//
//     npm run build && node scripts/bench/all-reduce.mjs [--quick] [--workers 2,4] [--megabytes 4,40,280]
//         [--rounds 5] [--sides "f32 memory,bf16 memory,f32 socket,bf16 socket,gloo,bare sockets"]
//         [--out docs/all-reduce.json [--scheduling "chrt -r 1"]]
//
// Every worker is a process of its own, as in a run; its sockets live on its only busy thread, as they
// do on a real worker's communication thread, whose compute thread waits meanwhile. The sides take
// turns within each round; the medians over the rounds and their ratios to gloo are printed. With --out
// they are merged into that file, and ALL_REDUCE.md beside it is written; --scheduling says there how the
// call was scheduled. Gloo runs by `env://` on 127.0.0.1, with one thread a process.
import { fork, spawn, spawnSync } from "node:child_process";
import { createServer } from "node:net";
import { availableParallelism, cpus } from "node:os";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { medianOf } from "../../dist/base/median.js";
import { writeAllReducePage } from "./all-reduce-page.mjs";

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    workers: { type: "string" },
    megabytes: { type: "string" },
    rounds: { type: "string" },
    out: { type: "string" },
    scheduling: { type: "string", default: "scheduled like everything else on the machine" },
    sides: {
      type: "string",
      default: "f32 memory,bf16 memory,f32 socket,bf16 socket,gloo,bare sockets",
    },
  },
});
const numbers = (text) => text.split(",").map(Number);
const python = process.env.SMALLINIT_PYTHON ?? "python3";
const versions = { node: process.versions.node, torch: torchVersion() };
const machine = { cpu: cpus()[0]?.model ?? "unknown", cores: availableParallelism() };
const fleetSizes = numbers(options.workers ?? (options.quick ? "2" : "2,4"));
const sizes = numbers(options.megabytes ?? (options.quick ? "4,40" : "4,40,280"));
const numRounds = Number(options.rounds ?? (options.quick ? 3 : 5));
const hasTorch = versions.torch !== undefined;
const sides = options.sides.split(",").filter((side) => side !== "gloo" || hasTorch);
if (!hasTorch) console.log(`no gloo: ${python} has no torch (set SMALLINIT_PYTHON)`);

const rows = [];
for (const numWorkers of fleetSizes) await compare(numWorkers);
if (options.out !== undefined) writeAllReducePage(resolve(options.out), rows);

async function compare(numWorkers) {
  const fleet = await startNodes(numWorkers);
  const gloo = sides.includes("gloo") ? await startGloo(numWorkers) : undefined;
  console.log(
    `\n${numWorkers} workers | MB | side | ms | GB/s of the vector | x gloo | core-ms of all`,
  );
  for (const megabytes of sizes) {
    const numFloats = Math.round((megabytes * 1e6) / 4);
    const times = new Map(sides.map((side) => [side, []]));
    const numTimes = Math.max(2, Math.min(100, Math.round(400 / megabytes)));
    for (let round = 0; round < numRounds; round++) {
      for (const side of sides) {
        const run = side === "gloo" ? gloo.run : fleet.run;
        times.get(side).push(await run({ side, numFloats, numTimes }));
      }
    }
    const mid = (side, key) => medianOf((times.get(side) ?? []).map((time) => time[key]));
    for (const side of sides) {
      const ms = mid(side, "ms");
      const rate = (megabytes / ms).toFixed(2);
      const ratio = hasTorch ? (mid("gloo", "ms") / ms).toFixed(2) : "";
      const core = mid(side, "coreMs").toFixed(1);
      rows.push({
        ...{ workers: numWorkers, megabytes, side, ms: rounded(ms) },
        coreMs: rounded(mid(side, "coreMs")),
        ...(hasTorch ? { xGloo: rounded(mid("gloo", "ms") / ms) } : {}),
        ...{ rounds: numRounds, scheduling: options.scheduling, machine, versions },
      });
      console.log(
        `${numWorkers} | ${megabytes} | ${side} | ${ms.toFixed(1)} | ${rate} | ${ratio} | ${core}`,
      );
    }
  }
  fleet.end();
  gloo?.end();
}

/** Undefined where there is no Python with torch. */
function torchVersion() {
  const code = "import torch, torch.distributed; print(torch.__version__)";
  const { status, stdout } = spawnSync(python, ["-c", code], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

/** Processes of ours: exchanges and bare sockets. */
async function startNodes(numWorkers) {
  const file = fileURLToPath(new URL("./all-reduce-worker.mjs", import.meta.url));
  const children = Array.from({ length: numWorkers }, () => fork(file));
  const ask = (message) =>
    Promise.all(
      children.map((child, rank) => {
        const answered = new Promise((resolve) => child.once("message", resolve));
        child.send({ ...message, rank });
        return answered;
      }),
    );
  for (const child of children) child.once("exit", (code) => void (code && process.exit(1)));
  const addresses = await ask({ type: "listen", numWorkers });
  await ask({ type: "connect", addresses });
  return {
    run: async (work) => slowest(await ask({ type: "run", ...work })),
    end: () => children.forEach((child) => void child.disconnect()),
  };
}

async function startGloo(numWorkers) {
  const file = fileURLToPath(new URL("./all_reduce_gloo.py", import.meta.url));
  const port = await freePort();
  const children = Array.from({ length: numWorkers }, (_, rank) =>
    spawn(python, [file], {
      stdio: ["pipe", "pipe", "inherit"],
      env: {
        ...process.env,
        ...{ MASTER_ADDR: "127.0.0.1", MASTER_PORT: String(port), GLOO_SOCKET_IFNAME: "lo" },
        ...{ RANK: String(rank), WORLD_SIZE: String(numWorkers), OMP_NUM_THREADS: "1" },
      },
    }),
  );
  const answers = children.map((child) =>
    createInterface({ input: child.stdout })[Symbol.asyncIterator](),
  );
  const next = () =>
    Promise.all(
      answers.map(async (lines) => {
        const [ms, coreMs] = (await lines.next()).value.split(" ").map(Number);
        return { ms, coreMs };
      }),
    );
  await next();
  return {
    async run({ numFloats, numTimes }) {
      for (const child of children) child.stdin.write(`${numFloats} ${numTimes}\n`);
      return slowest(await next());
    },
    end: () => children.forEach((child) => void child.stdin.end()),
  };
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** The time of the last to be done, and what all took of the cores. */
function slowest(answers) {
  return {
    ms: Math.max(...answers.map(({ ms }) => ms)),
    coreMs: answers.reduce((sum, { coreMs }) => sum + coreMs, 0),
  };
}

function rounded(value) {
  return Math.round(value * 1000) / 1000;
}
