import { readdir, readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Configuration } from "../configuration/configuration.ts";
import { runCoordinator } from "../coordinator/run-coordinator.ts";
import type { LocalExit } from "../coordinator/run-events.ts";
import type { RunStatus } from "../coordinator/run-status.ts";
import type { RunSummary } from "../coordinator/run-summary.ts";
import type { TlsChoice } from "../coordinator/run-tls.ts";
import { type LocalWorkers, launchLocalWorkers } from "../launcher/launch-local-workers.ts";
import type { LocalDevices } from "../launcher/local-devices.ts";
import { TensorboardObserver } from "../tensorboard/tensorboard-observer.ts";
import { formatJoinUrl, parseJoinUrl } from "../transport/join-url.ts";
import { stopAtPhase } from "../transport/stop-at-phase.ts";
import { stopThisProcess } from "../transport/stop-this-process.ts";
import { packageVersion } from "./package-version.ts";
import { phaseTrapOfEnvironment } from "./phase-trap.ts";
import type { Advertised } from "./place-options.ts";
import { ProgressLine } from "./progress-line.ts";
import { statusInWords, summaryInWords } from "./run-in-words.ts";
import { sharesMemory } from "./shares-memory.ts";
import { EXIT_INTERRUPTED, stopOnInterrupt } from "./stop-signal.ts";
import { workerName } from "./worker-name.ts";

/** A run to conduct from this process. */
export interface RunRequest {
  readonly data: string;
  readonly run: string;
  readonly configuration: Configuration;
  readonly isResume: boolean;
  readonly listen: { readonly host: string; readonly port: number };
  readonly advertise?: Advertised;
  readonly token?: string;
  /** Undefined: without TLS, or as the resumed run was started. */
  readonly tls?: TlsChoice;
  /** The first step waits for so many. */
  readonly minWorkers: number;
  readonly allowsMixedEngines?: boolean;
  /** The part of the leaves that a second worker computes as well; default: none. */
  readonly auditRate?: number;
  /** Told where workers from elsewhere join; default: a line of the log. */
  onJoinUrl?(url: string): void;
  /** Workers to start on this machine; 0: they come from elsewhere. */
  readonly numLocalWorkers: number;
  /** Where they compute; default: on the CPU. */
  readonly local?: LocalDevices;
  /** How often in a row a local worker that ends early is started again. */
  readonly maxRestarts?: number;
  /** Further arguments of each local worker. */
  readonly workerArguments?: readonly string[];
  /** Local workers write to RUN/profile where their time went, and the first's table is shown. */
  readonly isProfiled?: boolean;
  /** TensorBoard event files go to RUN/tensorboard. */
  readonly hasTensorboard?: boolean;
}

/** Who hears of a run, and may stop it. */
export interface RunVoice {
  readonly log: Log;
  show(status: RunStatus): void;
  /** The run has ended, in whichever way. */
  end(summary: RunSummary): void;
  readonly stopSignal: AbortSignal;
}

/** Milliseconds that local workers have to end by the coordinator's word. */
const WORKER_GRACE_MS = 5000;

/**
 * Conducts a run: a coordinator in this process, local workers as child processes.
 *
 * @param voice by default progress goes to stderr, the summary to stdout, and Ctrl-C stops the run.
 * @returns the summary, and the exit code of the command.
 * @throws {TrainerError} when the run cannot begin.
 */
export async function conductRun(
  request: RunRequest,
  voice: RunVoice = terminalVoice(request),
): Promise<{ readonly summary: RunSummary; readonly exitCode: number }> {
  const { log, stopSignal } = voice;
  // Aborted when a local worker has ended for good: nobody must wait for it.
  const fewerWorkers = new AbortController();
  const tensorboard = request.hasTensorboard === true ? observerOf(request, log) : undefined;
  let tellExit: (exit: LocalExit) => void = () => undefined;
  let workers: Promise<LocalWorkers> | undefined;
  let local: LocalWorkers | undefined;
  const trap = phaseTrapOfEnvironment();
  try {
    const summary = await runCoordinator({
      dataFolder: request.data,
      runFolder: request.run,
      configuration: request.configuration,
      listen: request.listen,
      ...(request.advertise === undefined ? {} : { advertise: request.advertise }),
      ...(request.token === undefined ? {} : { token: request.token }),
      ...(request.tls === undefined ? {} : { tls: request.tls }),
      minWorkers: request.minWorkers,
      isLocal: request.numLocalWorkers > 0,
      isResume: request.isResume,
      allowsMixedEngines: request.allowsMixedEngines === true,
      auditRate: request.auditRate ?? 0,
      packageVersion: packageVersion(),
      sharesMemory: sharesMemory(process.env),
      clock: systemClock,
      log,
      ...(tensorboard === undefined ? {} : { observer: tensorboard }),
      onStatus: (status) => voice.show(status),
      onListening(url) {
        if (request.numLocalWorkers === 0) {
          const joinUrl = joinUrlOf(url, request.token);
          if (request.onJoinUrl !== undefined) request.onJoinUrl(joinUrl);
          else log.info(`Join with:  smallinit worker '${joinUrl}'`);
          return;
        }
        workers = startWorkers(request, url, log, (exit) => {
          tellExit(exit);
          if (exit.restartMs === undefined) fewerWorkers.abort();
        });
        workers.then(
          (started) => {
            local = started;
          },
          () => fewerWorkers.abort(),
        );
      },
      onLost: (name) => replaceLost(local, name),
      stopSignal,
      noMoreWorkers: fewerWorkers.signal,
      ...(trap && { watchLink: stopAtPhase(trap, "coordinator", stopThisProcess) }),
      onConducting(tell) {
        tellExit = tell;
      },
    });
    voice.end(summary);
    return { summary, exitCode: EXIT_CODE_OF[summary.status] };
  } finally {
    await (await workers)?.stop(WORKER_GRACE_MS);
    await tensorboard?.close();
    if (request.isProfiled === true) await showProfile(profileFolderOf(request));
  }
}

function observerOf({ run }: RunRequest, log: Log): TensorboardObserver {
  return new TensorboardObserver({
    folder: join(run, "tensorboard"),
    hostName: hostname(),
    processId: process.pid,
    wallMs: () => Date.now(),
    log,
  });
}

function terminalVoice({ run }: RunRequest): RunVoice {
  const line = new ProgressLine();
  return {
    log: line.log,
    show: (status) => line.show(statusInWords(status)),
    end(summary) {
      line.end();
      process.stdout.write(`${summaryInWords(summary, relative(process.cwd(), run))}\n`);
      const { error } = summary;
      if (error !== undefined) process.stderr.write(`${error.code}: ${error.message}\n`);
    },
    stopSignal: stopOnInterrupt(() =>
      line.print("Stopping after a checkpoint; press Ctrl-C again to end at once."),
    ),
  };
}

function profileFolderOf({ run }: RunRequest): string {
  return join(run, "profile");
}

/** Shows the table of the first worker that left one. */
async function showProfile(folder: string): Promise<void> {
  const files = await readdir(folder).catch(() => []);
  const tables = files.filter((file) => file.endsWith(".txt"));
  const [first] = tables.sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  if (first === undefined) return;
  process.stderr.write(`\n${await readFile(join(folder, first), "utf8")}`);
  process.stderr.write(
    `All workers, and traces for Perfetto: ${relative(process.cwd(), folder)}\n`,
  );
}

function startWorkers(
  request: RunRequest,
  url: string,
  log: Log,
  onEarlyExit: (exit: LocalExit) => void,
): Promise<LocalWorkers> {
  const logFolder = join(request.run, "logs");
  if (request.local?.remark !== undefined) log.warn(request.local.remark);
  log.info(
    `${request.numLocalWorkers} worker${request.numLocalWorkers === 1 ? "" : "s"} on this machine; ` +
      `their logs: ${relative(process.cwd(), logFolder)}`,
  );
  return launchLocalWorkers({
    url,
    ...(request.token === undefined ? {} : { token: request.token }),
    numWorkers: request.numLocalWorkers,
    command: [process.execPath, fileURLToPath(new URL("./main.js", import.meta.url))],
    ...(request.local === undefined ? {} : { devices: request.local.devices }),
    workerArguments: [
      ...(request.workerArguments ?? []),
      ...(request.isProfiled === true ? ["--profile", profileFolderOf(request)] : []),
    ],
    logFolder,
    log,
    clock: systemClock,
    maxRestarts: request.maxRestarts ?? 0,
    onEarlyExit: ({ message, restartMs }) => onEarlyExit({ message, restartMs }),
  });
}

/** A worker that the run has lost is replaced when its process is one of ours. */
function replaceLost(local: LocalWorkers | undefined, name: string): void {
  const processId = local?.processIds.find((one) => workerName(one) === name);
  if (processId !== undefined) local?.replace(processId);
}

function joinUrlOf(url: string, token: string | undefined): string {
  const address = parseJoinUrl(url);
  return formatJoinUrl({ ...address, ...(token === undefined ? {} : { token }) });
}

const EXIT_CODE_OF = { completed: 0, interrupted: EXIT_INTERRUPTED, failed: 1 } as const;
