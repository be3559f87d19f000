import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeFileAtomically } from "../base/atomic-file.ts";
import { systemClock } from "../base/clock.ts";
import { TrainerError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { ChaosFleet, type WorkerPorts } from "../chaos/chaos-fleet.ts";
import type { ChaosPlan } from "../chaos/chaos-plan.ts";
import { type ChaosOutcome, conductChaos } from "../chaos/conduct-chaos.ts";
import type { FaultRecord } from "../chaos/fault-log.ts";
import { type Finding, judgeRun } from "../chaos/judge-run.ts";
import type { ProcessStart } from "../chaos/kept-process.ts";
import { RunWatch } from "../chaos/run-watch.ts";
import { type Configuration, leavesPerStep } from "../configuration/configuration.ts";
import { readLines } from "../coordinator/line-file.ts";
import { checkRunFolder, RUN_FILES } from "../coordinator/run-folder.ts";
import { availableCores, threadsPerWorker } from "../launcher/devices.ts";
import type { DeviceWish } from "../launcher/local-devices.ts";
import { ProgressLine } from "./progress-line.ts";
import { EXIT_INTERRUPTED, stopOnInterrupt } from "./stop-signal.ts";

/** A run to disturb and to judge. */
export interface ChaosRunRequest {
  readonly plan: ChaosPlan;
  readonly run: string;
  /** What names data and configuration: --data, --preset, --config, --set. */
  readonly settings: readonly string[];
  readonly configuration: Configuration;
  readonly numWorkers: number;
  /** What `--device` said, and what that is here: worker i takes the i-th, and then the first again. */
  readonly device: DeviceWish;
  readonly devices: readonly string[];
}

/** What is written to RUN/chaos.json. */
export interface ChaosReport {
  readonly findings: readonly Finding[];
  readonly faults: readonly FaultRecord[];
  readonly trainedMs: number;
  readonly meanWorkersAlive: number;
  readonly coordinatorDownMs: number;
}

/** From the end of a process to its next start. */
const RESTART_MS = 500;
/** For workers to end by the coordinator's word. */
const GRACE_MS = 10_000;
const MAIN = fileURLToPath(new URL("./main.js", import.meta.url));

/**
 * Trains with every process a child of this one, which does the plan's faults to them, then computes
 * the same without any, compares, and tells.
 *
 * @returns the exit code: 0 when every promise was kept.
 * @throws {TrainerError} ERR_RUN_EXISTS, ERR_CHAOS where the configuration's result depends on the fleet.
 */
export async function chaosRun(request: ChaosRunRequest): Promise<number> {
  const { run, configuration, plan } = request;
  if (configuration.wire !== "f32") {
    throw new TrainerError(
      "ERR_CHAOS",
      `wire=${configuration.wire} makes the bits depend on the fleet, so there is nothing to compare a ` +
        "disturbed run with. Leave wire at f32 for --chaos.",
    );
  }
  await checkRunFolder(run, false);
  await mkdir(join(run, "logs"), { recursive: true });
  const line = new ProgressLine();
  const { log } = line;
  const stopSignal = stopOnInterrupt(() =>
    log.info("Stopping after a checkpoint, without a verdict."),
  );
  const { outcome, leftBehind } = await disturb(request, { line, log, stopSignal });
  line.end();
  if (stopSignal.aborted) return EXIT_INTERRUPTED;
  const undisturbedDigest = plan.digest ?? (await undisturbed(request, log));
  const findings = judgeRun({
    metrics: readLines(join(run, RUN_FILES.metrics)),
    events: readLines(join(run, RUN_FILES.events)),
    steps: configuration.steps,
    numLeaves: leavesPerStep(configuration),
    status: summaryOf(run)?.status,
    digest: summaryOf(run)?.parameterDigest,
    ...{ undisturbedDigest, leftBehind },
  });
  const { end: _, ...measured } = outcome;
  const report: ChaosReport = { findings, ...measured };
  await writeFileAtomically(join(run, "chaos.json"), `${JSON.stringify(report, undefined, 2)}\n`);
  process.stdout.write(reportInWords(report));
  return findings.every(({ isKept }) => isKept) ? 0 : 1;
}

interface Shell {
  readonly line: ProgressLine;
  readonly log: Log;
  readonly stopSignal: AbortSignal;
}

async function disturb(request: ChaosRunRequest, { line, log, stopSignal }: Shell) {
  const { run, numWorkers, configuration, plan } = request;
  const threads = threadsPerWorker(await availableCores(), numWorkers);
  const coordinatorLog = join(run, "logs", "coordinator.log");
  const fleet = new ChaosFleet({
    numWorkers,
    startCoordinator: () => coordinatorStart(request, listeningPort(coordinatorLog)),
    startWorker: (index, ports) => workerStart(request, index, ports, threads),
    coordinatorPort: () => listeningPort(coordinatorLog),
    logFile: (name) => join(run, "logs", `${name}.log`),
    restartMs: RESTART_MS,
  });
  let outcome: ChaosOutcome | undefined;
  let leftBehind: readonly string[] = [];
  try {
    await fleet.start();
    const { steps } = configuration;
    outcome = await conductChaos({
      ...{ plan, fleet, numWorkers, steps, log, stopSignal, clock: systemClock },
      watch: new RunWatch(run),
      hasPeerLinks: configuration.allReduce === "mesh" && process.platform === "linux",
      onProgress: (step, numFaults) =>
        line.show(`step ${step}/${steps} · ${numFaults} fault${numFaults === 1 ? "" : "s"}`),
    });
  } finally {
    leftBehind = await fleet.close(GRACE_MS);
  }
  return { outcome, leftBehind };
}

/** The port that a killed coordinator listened on is taken again: workers know no other. */
function coordinatorStart(request: ChaosRunRequest, port: number | undefined): ProcessStart {
  const { run, settings, numWorkers } = request;
  const listen = ["--listen", `127.0.0.1:${port ?? 0}`];
  const args = existsSync(join(run, RUN_FILES.configuration))
    ? ["resume", run, ...listen]
    : ["coordinator", ...settings, "--run", run, ...listen, "--min-workers", String(numWorkers)];
  return { command: [process.execPath, MAIN, ...args], environment: process.env };
}

function workerStart(
  { devices }: ChaosRunRequest,
  workerIndex: number,
  { coordinatorPort, peerPort }: WorkerPorts,
  threads: number,
): ProcessStart {
  const url = `ws://127.0.0.1:${coordinatorPort}`;
  const device = devices[workerIndex % devices.length] ?? "cpu";
  return {
    command: [
      ...([process.execPath, MAIN, "worker", url, "--threads", String(threads)] as const),
      ...["--device", device],
    ],
    environment: { ...process.env, SMALLINIT_PEER_PORT: String(peerPort) },
  };
}

/** The port of the newest join URL in the coordinator's log. */
function listeningPort(logFile: string): number | undefined {
  if (!existsSync(logFile)) return undefined;
  const urls = [...readFileSync(logFile, "utf8").matchAll(/smallinit worker 'ws:\/\/[^']*:(\d+)/g)];
  const port = urls.at(-1)?.[1];
  return port === undefined ? undefined : Number(port);
}

/** The digest of the same run with one worker and no faults. */
async function undisturbed({ run, settings, device }: ChaosRunRequest, log: Log) {
  const folder = join(run, "undisturbed");
  log.info("Computing the same without faults, with one worker ...");
  const args = ["launch", ...settings, "--run", folder, "--workers", "1", "--device", device];
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  await once(child, "close");
  const digest = summaryOf(folder)?.parameterDigest;
  if (typeof digest === "string") return digest;
  throw new TrainerError(
    "ERR_CHAOS",
    `The undisturbed run in ${folder} has not been completed, so there is nothing to compare with. ` +
      "What it said stands above.",
  );
}

function summaryOf(run: string): Readonly<Record<string, unknown>> | undefined {
  const path = join(run, RUN_FILES.summary);
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
}

function reportInWords({ faults, findings }: ChaosReport): string {
  const rows = faults.map(({ atStep, what, recoveryMs, isOverlapped }) => {
    const time = recoveryMs === undefined ? "the run ended" : `${(recoveryMs / 1000).toFixed(2)} s`;
    return `  step ${atStep}: ${what}: ${time}${isOverlapped ? ", with another fault" : ""}`;
  });
  const verdicts = findings.map(
    ({ isKept, promise, detail }) => `  ${isKept ? "kept  " : "BROKEN"} ${promise} (${detail})`,
  );
  return ["Faults, and what each cost:", ...rows, "Promises:", ...verdicts, ""].join("\n");
}
