import { arch, cpus } from "node:os";
import { type Command, Option } from "commander";
import { wakefulClock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { FleetConfiguration } from "../configuration/configuration.ts";
import { ALLOCATOR_SETTINGS } from "../launcher/allocator-settings.ts";
import { formatJoinUrl, parseJoinUrl } from "../transport/join-url.ts";
import type { WorkerOptions } from "../worker/run-worker.ts";
import { engineFaultOfEnvironment } from "./engine-fault.ts";
import { deviceOption, engineThreads } from "./engine-options.ts";
import { wholeNumber } from "./option-values.ts";
import { packageVersion } from "./package-version.ts";
import { phaseTrapOfEnvironment } from "./phase-trap.ts";
import { addPlaceOptions, interfaceOf, type PlaceOptions } from "./place-options.ts";
import { SHARED_MEMORY_HELP, sharesMemory } from "./shares-memory.ts";
import { stopOnInterrupt } from "./stop-signal.ts";
import { workerName } from "./worker-name.ts";

interface WorkerCommandOptions extends PlaceOptions {
  readonly engine?: FleetConfiguration["engine"];
  readonly device: string;
  readonly timeout: number;
  readonly coordinatorTimeout: number;
  readonly threads?: number;
  readonly profile?: string;
  readonly trustNetwork?: boolean;
  readonly probes?: string;
  readonly stay?: boolean;
}

const ALLOCATOR_HELP = `On Linux set these in its environment, as launch does for its own workers: memory is then kept from
step to step, which is faster. ${Object.entries(ALLOCATOR_SETTINGS)
  .map(([name, value]) => `${name}=${value}`)
  .join(" ")}`;

/** Seconds that a worker tries to reach its coordinator, which may be started after it. */
const DEFAULT_TIMEOUT_SECONDS = 60;

/** Seconds that a worker keeps its state and calls a coordinator that it has lost. */
const DEFAULT_COORDINATOR_TIMEOUT_SECONDS = 60;

/** `smallinit worker`: works for a coordinator until the run has ended. */
export function addWorkerCommand(program: Command): void {
  const command = program
    .command("worker")
    .description("work for a coordinator: compute gradients until the run has ended")
    .argument("<url>", "what the coordinator printed: ws://HOST:PORT/#TOKEN, or wss:// with TLS");
  addPlaceOptions(command, "this worker")
    .addOption(
      new Option("--engine <name>", "what computes gradients (default: as the run says)").choices([
        "auto",
        "onnx",
        "tensorflow",
        "tfjs",
      ]),
    )
    .addOption(deviceOption())
    .option("--threads <n>", "threads of the engine (default: all cores)", wholeNumber(1, 4096))
    .option(
      "--timeout <seconds>",
      "how long to try to reach the coordinator",
      wholeNumber(1, 86_400),
      DEFAULT_TIMEOUT_SECONDS,
    )
    .option(
      "--trust-network",
      "without TLS, send frames unmasked, ten times as fast: only where no proxy is between (default: masked)",
    )
    .option(
      "--coordinator-timeout <seconds>",
      "how long to keep the state and redial a coordinator that was lost; 0: end at once",
      wholeNumber(0, 86_400),
      DEFAULT_COORDINATOR_TIMEOUT_SECONDS,
    )
    .option(
      "--stay",
      "after a run call again for the next, as `compare --listen` has them, until nobody answers for --timeout",
    )
    .option(
      "--profile <dir>",
      "at the end, write there where each step's time went (default: not measured)",
    )
    .option(
      "--probes <dir>",
      "write there the gradient norms of parameter groups and the embedding's movement (default: not probed)",
    )
    .addHelpText(
      "after",
      `\nExample:\n  smallinit worker 'ws://10.0.0.5:7117#token'\n\n${SHARED_MEMORY_HELP}\n\n${ALLOCATOR_HELP}\n`,
    )
    .action(async (url: string, options: WorkerCommandOptions) => {
      // Loaded here: tfjs takes half a second that no other command should pay.
      const { runWorker } = await import("../worker/run-worker.ts");
      const interfaceAddress = interfaceOf(options);
      const trap = phaseTrapOfEnvironment();
      const engineFault = engineFaultOfEnvironment();
      const worker: WorkerOptions = {
        url: withToken(url),
        ...(options.engine === undefined ? {} : { engine: options.engine }),
        device: options.device,
        isNetworkTrusted: options.trustNetwork === true,
        place: {
          ...(options.advertise === undefined ? {} : { advertise: options.advertise }),
          ...(interfaceAddress === undefined ? {} : { interfaceAddress }),
        },
        numThreads: await engineThreads(options.threads),
        environment: process.env,
        timeoutMs: options.timeout * 1000,
        coordinatorTimeoutMs: options.coordinatorTimeout * 1000,
        name: workerName(process.pid),
        packageVersion: packageVersion(),
        processor: `${arch()} ${cpus()[0]?.model ?? "of unknown model"}`,
        log: stderrLog,
        stopSignal: stopSignalOfWorker(),
        sharesMemory: sharesMemory(process.env),
        ...(options.profile === undefined ? {} : { profileFolder: options.profile }),
        ...peerPortOfEnvironment(),
        ...(options.probes === undefined ? {} : { probeFolder: options.probes }),
        ...(trap === undefined ? {} : { trap }),
        ...(engineFault === undefined ? {} : { engineFault }),
      };
      if (options.stay === true) {
        const { workForRuns } = await import("../worker/work-for-runs.ts");
        const numRuns = await workForRuns({ worker, clock: wakefulClock, runOnce: runWorker });
        stderrLog.info(`Done: worked for ${numRuns} run(s), and nobody has another.`);
        return;
      }
      stderrLog.info(`Done: ${(await runWorker(worker)).reason}.`);
    });
}

const stderrLog: Log = {
  info: (message) => process.stderr.write(`${message}\n`),
  warn: (message) => process.stderr.write(`warning: ${message}\n`),
};

/** `launch --chaos` puts a relay before each worker, whose port it gives so. */
function peerPortOfEnvironment(): { readonly peerPort?: number } {
  const port = Number(process.env.SMALLINIT_PEER_PORT);
  return Number.isInteger(port) && port > 0 && port < 65_536 ? { peerPort: port } : {};
}

/**
 * The URL with the environment's token, unless it bears one: arguments are visible to other users.
 *
 * @throws {TrainerError} ERR_URL.
 */
function withToken(url: string): string {
  const token = process.env.SMALLINIT_TOKEN;
  const address = parseJoinUrl(url);
  const isGiven = address.token !== undefined || token === undefined || token === "";
  return isGiven ? url : formatJoinUrl({ ...address, token });
}

/**
 * A terminal sends Ctrl-C to all its processes. A worker that `launch` started leaves the first to the
 * coordinator, whose word ends it after the checkpoint.
 */
function stopSignalOfWorker(): AbortSignal {
  const isLocal = process.env.SMALLINIT_LOCAL_WORKER === "1";
  const interrupted = stopOnInterrupt(() => {
    if (!isLocal) stderrLog.info("Leaving the fleet.");
  });
  return isLocal ? new AbortController().signal : interrupted;
}
