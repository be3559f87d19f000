import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defined } from "../../src/base/assert.ts";
import { ChaosFleet } from "../../src/chaos/chaos-fleet.ts";
import type { Party } from "../../src/chaos/chaos-plan.ts";
import { type Finding, judgeRun } from "../../src/chaos/judge-run.ts";
import type { ProcessEnd } from "../../src/chaos/kept-process.ts";
import { readLines } from "../../src/coordinator/line-file.ts";
import type { PHASES } from "../../src/transport/stop-at-phase.ts";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** One cell of the table: to whom, what, and in which phase. */
export interface FaultCell {
  /** "donor": whichever worker the coordinator asks, for its state or for an evaluation. */
  readonly victim: Party | "donor";
  readonly fault: "kill" | "freeze" | "half-open" | "cut" | "exit";
  readonly phase: (typeof PHASES)[number];
  readonly allReduce: "mesh" | "star";
}

/** Where and against what a cell is tried. */
export interface FaultBench {
  readonly data: string;
  readonly run: string;
  readonly undisturbedDigest: string;
}

/** What became of the run. */
export interface CellOutcome {
  readonly end: ProcessEnd;
  readonly findings: readonly Finding[];
  /** For people, when something went wrong. */
  readonly logs: string;
}

/** Eight steps of eight leaves with a checkpoint and an evaluation in the middle. */
export const CELL_SETTINGS = [
  ...["--preset", "tiny", "--set", "engine=onnx", "--set", "steps=8"],
  ...["--set", "evaluateEvery=4", "--set", "checkpointEvery=2"],
];

const WORKERS = [0, 1] as const;
/** The step at which processes stop themselves, where the phase has one. */
const STEP = 3;
/** Of coordinators, whom nobody replaces while they are frozen: past the silence that is borne. */
const FREEZE_MS = 5000;
const FOR_GOOD_MS = 3_600_000;
const GRACE_MS = 10_000;

/**
 * Trains with real processes; the victim stops itself where the cell says, the fault is done to it, and
 * what died is started again.
 */
export async function tryCell(cell: FaultCell, bench: FaultBench): Promise<CellOutcome> {
  const { run } = bench;
  mkdirSync(join(run, "logs"), { recursive: true });
  const fleet = fleetFor(cell, bench);
  let leftBehind: readonly string[] = [];
  let end: ProcessEnd = { code: null, signal: null };
  try {
    await fleet.start();
    let isOver = false;
    const ended = fleet.ended.finally(() => {
      isOver = true;
    });
    const candidates = cell.victim === "donor" ? WORKERS : [cell.victim];
    const victim = await untilStopped(fleet, candidates, () => isOver);
    await strike(fleet, victim, cell.fault);
    await letOthersGoOn(fleet, victim, () => isOver);
    end = await ended;
  } finally {
    leftBehind = await fleet.close(GRACE_MS);
  }
  const summaryPath = join(run, "summary.json");
  const summary = existsSync(summaryPath) ? JSON.parse(readFileSync(summaryPath, "utf8")) : {};
  const findings = judgeRun({
    metrics: readLines(join(run, "metrics.jsonl")),
    events: readLines(join(run, "events.jsonl")),
    ...{ steps: 8, numLeaves: 8, status: summary.status, digest: summary.parameterDigest },
    ...{ undisturbedDigest: bench.undisturbedDigest, leftBehind },
  });
  const names = ["coordinator", "worker-0", "worker-1"];
  const logs = names
    .map((name) => `${name}:\n${readFileSync(logOf(run, name), "utf8")}`)
    .join("\n");
  return { end, findings, logs };
}

async function strike(fleet: ChaosFleet, victim: Party, fault: FaultCell["fault"]): Promise<void> {
  if (fault === "freeze") {
    const forMs = victim === "coordinator" ? FREEZE_MS : FOR_GOOD_MS;
    await fleet.inflict({ kind: "freeze", victim, forMs });
    return;
  }
  if (fault === "kill" || fault === "exit") await fleet.inflict({ kind: fault, victim });
  if (fault === "kill") return;
  for (const connection of await fleet.connectionsOf(victim)) {
    if (fault === "cut") connection.cutInside();
    if (fault === "half-open") connection.silence();
  }
  fleet.wake(victim);
}

function fleetFor(cell: FaultCell, { data, run }: FaultBench): ChaosFleet {
  const port = () => listeningPort(logOf(run, "coordinator"));
  const trap = { SMALLINIT_CHAOS: `stop@${cell.phase}:step=${STEP}` };
  const trapped = new Set<Party>();
  /** The victim's first start alone. */
  const environmentOf = (party: Party) => {
    const isCandidate =
      party === cell.victim || (cell.victim === "donor" && party !== "coordinator");
    const isVictim = isCandidate && !trapped.has(party);
    trapped.add(party);
    return { ...process.env, ...(isVictim ? trap : {}) };
  };
  const settings = [...CELL_SETTINGS, "--set", `allReduce=${cell.allReduce}`];
  return new ChaosFleet({
    numWorkers: WORKERS.length,
    coordinatorPort: port,
    logFile: (name) => logOf(run, name),
    restartMs: 100,
    startCoordinator() {
      const listen = ["--listen", `127.0.0.1:${port() ?? 0}`];
      const isBegun = existsSync(join(run, "config.json"));
      const fresh = [
        "coordinator",
        "--data",
        data,
        "--run",
        run,
        ...settings,
        "--min-workers",
        "2",
      ];
      const args = isBegun ? ["resume", run, "--min-workers", "1"] : fresh;
      return {
        command: [process.execPath, MAIN, ...args, ...listen],
        environment: environmentOf("coordinator"),
      };
    },
    startWorker(index, { coordinatorPort, peerPort }) {
      const url = `ws://127.0.0.1:${coordinatorPort}`;
      return {
        command: [process.execPath, MAIN, "worker", url, "--threads", "1"],
        environment: { ...environmentOf(index), SMALLINIT_PEER_PORT: String(peerPort) },
      };
    },
  });
}

/** Looks again and again until one of the candidates has stopped itself. */
async function untilStopped(
  fleet: ChaosFleet,
  candidates: readonly Party[],
  isOver: () => boolean,
): Promise<Party> {
  for (;;) {
    const stopped = candidates.find((party) => isStopped(fleet.processIdOf(party)));
    if (stopped !== undefined) return stopped;
    if (isOver()) throw new Error("the run ended before the victim came to the phase");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A second donor has the same trap, and nothing happens to it. */
async function letOthersGoOn(
  fleet: ChaosFleet,
  victim: Party,
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    for (const party of WORKERS) {
      if (party !== victim && isStopped(fleet.processIdOf(party))) fleet.wake(party);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function isStopped(processId: number | undefined): boolean {
  const path = `/proc/${processId}/stat`;
  if (processId === undefined || !existsSync(path)) return false;
  // "pid (name) state ...", and the name may have blanks and parentheses.
  const text = readFileSync(path, "utf8");
  return text.slice(text.lastIndexOf(")") + 2).startsWith("T");
}

function listeningPort(logFile: string): number | undefined {
  if (!existsSync(logFile)) return undefined;
  const matches = [...readFileSync(logFile, "utf8").matchAll(/'ws:\/\/127\.0\.0\.1:(?<port>\d+)/g)];
  const last = matches.at(-1);
  return last === undefined ? undefined : Number(defined(last.groups?.port, "a port"));
}

function logOf(run: string, name: string): string {
  return join(run, "logs", `${name}.log`);
}
