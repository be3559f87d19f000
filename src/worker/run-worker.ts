import { Worker } from "node:worker_threads";
import type { Environment } from "../base/environment.ts";
import { TrainerError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { type FleetConfiguration, modelOf } from "../configuration/configuration.ts";
import { resolveConfiguration } from "../configuration/resolve-configuration.ts";
import { createEngine } from "../engine/create-engine.ts";
import { type EngineFault, faultyEngine } from "../engine/faulty-engine.ts";
import { parameterLayout } from "../model/parameter-layout.ts";
import type { WorkerFailed } from "../protocol/messages.ts";
import { formatHostPort } from "../transport/join-url.ts";
import type { PhaseTrap } from "../transport/stop-at-phase.ts";
import { ComputeThread, type Ended } from "./compute-thread.ts";
import { Inbox } from "./inbox.ts";
import { keepProbes } from "./keep-probes.ts";
import { keepProfile, type ProfileKeeper } from "./keep-profile.ts";
import type { MeshPlace } from "./mesh-door.ts";
import type {
  CommunicationSettings,
  LogLine,
  Stamped,
  ToCommunication,
  ToCompute,
} from "./thread-messages.ts";
import { Trainer } from "./trainer.ts";
import { createTrainingMemory } from "./training-memory.ts";

/** What a worker needs. */
export interface WorkerOptions {
  /** The join URL of the coordinator. */
  readonly url: string;
  /** Where peers shall reach this worker, if that is not where it seems to be. */
  readonly place?: MeshPlace;
  /** No proxy is between the hosts: frames need no masks, also without TLS. Default: false. */
  readonly isNetworkTrusted?: boolean;
  /** Undefined: as the run's configuration says. */
  readonly engine?: FleetConfiguration["engine"];
  readonly device: string;
  readonly numThreads: number;
  /** The process's own: engines set there what native libraries read. */
  readonly environment?: Environment;
  /** Longest wait for the coordinator to take the first call. */
  readonly timeoutMs: number;
  /** How long to call a coordinator that was lost, keeping the state; 0: end at once. */
  readonly coordinatorTimeoutMs: number;
  /** For people, for example "host-b/4711". */
  readonly name: string;
  readonly packageVersion: string;
  /** Kind of this machine's processor. */
  readonly processor: string;
  readonly log: Log;
  /** Aborted: leave the fleet at once. */
  readonly stopSignal: AbortSignal;
  /** The port that peers are told to call: that of a relay before this worker. Undefined: its own. */
  readonly peerPort?: number;
  /** Where this process stops itself, for fault tests. */
  readonly trap?: PhaseTrap;
  /** What is wrong with the engine, for fault tests. */
  readonly engineFault?: EngineFault;
  /** Folder for a trace and a table of where the time of the steps went; undefined: none. */
  readonly profileFolder?: string;
  /** Folder for what probes find in the steps: gradient norms and the embedding's; undefined: none. */
  readonly probeFolder?: string;
  /** Whether payloads to others on this machine may go through /dev/shm; default true. */
  readonly sharesMemory?: boolean;
}

/** How a worker's work ended: always by the coordinator's word. */
export interface WorkerOutcome {
  /** The coordinator's reason, for example "the run is completed". */
  readonly reason: string;
}

/** How long the communication thread may take to say goodbye. */
const GOODBYE_MS = 3000;

/**
 * Works for one coordinator until it says that the run has ended.
 *
 * This thread computes; a second one talks, since a native graph call blocks the thread that makes it.
 *
 * A link that closes or falls silent is made anew for `coordinatorTimeoutMs`; what was trained is kept.
 *
 * @throws {TrainerError} ERR_COORDINATOR_LOST when it stays lost, ERR_REJECTED or a
 *   code of the coordinator's when it does not take this worker or drops it, ERR_WORKER_STOPPED on
 *   `stopSignal`, and those of dialling, memory and engines.
 */
export async function runWorker(options: WorkerOptions): Promise<WorkerOutcome> {
  const { url, timeoutMs, coordinatorTimeoutMs, name, packageVersion, log } = options;
  const { peerPort, trap } = options;
  const { sharesMemory = true } = options;
  const profile = options.profileFolder === undefined ? undefined : keepProfile();
  const spanMemory = profile?.communicationMemory;
  const settings: CommunicationSettings = {
    ...{ url, timeoutMs, coordinatorTimeoutMs, name, packageVersion, peerPort, spanMemory },
    ...{ sharesMemory, trap },
    isNetworkTrusted: options.isNetworkTrusted ?? false,
    place: options.place ?? {},
  };
  // The compiled file: Node runs no TypeScript in a thread of its own.
  const thread = new Worker(new URL("./communication-thread.js", import.meta.url), {
    workerData: settings,
  });
  const inbox = new Inbox();
  thread.on("message", (message: Stamped<ToCompute> | LogLine) => {
    if (message.type === "log") log[message.level](message.text);
    else inbox.put(message);
  });
  thread.on("error", (error) => inbox.fail(error));
  thread.on("exit", () => inbox.fail(threadEnded()));
  const onStop = () =>
    inbox.fail(
      new TrainerError("ERR_WORKER_STOPPED", "Stopped by request; the run goes on without."),
    );
  options.stopSignal.addEventListener("abort", onStop);
  if (options.stopSignal.aborted) onStop();
  const tell = (message: ToCommunication) =>
    thread.postMessage(
      profile === undefined ? message : { ...message, toldMs: profile.compute.now() },
    );
  try {
    return await work(options, inbox, { tell, profile });
  } catch (error) {
    tell({ type: "send", message: farewellOf(error) });
    throw error;
  } finally {
    // Left there it would keep all of this run's memory, and a worker may stay for others.
    options.stopSignal.removeEventListener("abort", onStop);
    tell({ type: "close", reason: "this worker ends" });
    await exited(thread);
  }
}

/** What the coordinator hears of a failure, if its link still stands. */
function farewellOf(error: unknown): WorkerFailed {
  const isOurBug = !(error instanceof TrainerError);
  const message = error instanceof Error ? error.message : String(error);
  return { type: "worker-failed", code: isOurBug ? "ERR_BUG" : error.code, message };
}

interface WorkMeans {
  tell(message: ToCommunication): void;
  readonly profile: ProfileKeeper | undefined;
}

async function work(
  options: WorkerOptions,
  inbox: Inbox,
  { tell, profile }: WorkMeans,
): Promise<Ended> {
  const { log } = options;
  const welcome = await inbox.welcome();
  const configuration = resolveConfiguration({ ...welcome.configuration });
  const model = modelOf(configuration);
  const { tensors, numParams } = parameterLayout(model);
  const memory = await createTrainingMemory(configuration, numParams);
  tell({ type: "memory", ...memory.map });
  const { address } = welcome;
  const where = address === undefined ? "" : ` at ${formatHostPort(address.host, address.port)}`;
  log.info(
    `Joined as worker ${welcome.workerId}${where}: ${numParams} parameters, ${configuration.steps} steps.`,
  );
  const engineName = options.engine ?? configuration.engine;
  const { device, numThreads, profileFolder, probeFolder, engineFault } = options;
  const profiling = profile === undefined ? {} : { profiler: profile.compute };
  const { precision } = configuration;
  const created = await createEngine({
    ...{ engine: engineName, device, model, precision, numThreads, log },
    ...(options.environment && { environment: options.environment }),
    ...profiling,
  });
  await using engine = engineFault === undefined ? created : faultyEngine(created, engineFault);
  const { description } = engine;
  log.info(
    `Engine: ${description.runtime} on ${description.device}, ${description.numThreads} thread(s).`,
  );
  const probing = probeFolder !== undefined && {
    probe: keepProbes({
      ...{ folder: probeFolder, workerId: welcome.workerId, configuration, log },
      ...{ layout: tensors, kernels: memory.kernels },
    }),
  };
  const trainer = new Trainer({
    ...{ configuration, layout: tensors, engine, memory },
    ...profiling,
    ...probing,
  });
  await trainer.prepare(welcome.isUnderWay);
  const compute = new ComputeThread({
    ...{ workerId: welcome.workerId, layout: tensors, description, tell },
    processor: options.processor,
    trainer,
    ...profiling,
  });
  if (!welcome.restore) compute.initialise();
  inbox.handOver(compute);
  try {
    // Awaited here: the engine is disposed of when this function ends.
    return await compute.run();
  } finally {
    // Also of a worker that fails: its profile may show why it was slow.
    if (profileFolder !== undefined) {
      log.info((await profile?.write(profileFolder, welcome.workerId))?.trimEnd() ?? "");
    }
  }
}

function threadEnded(): TrainerError {
  return new TrainerError("ERR_COORDINATOR_LOST", "The communication thread has ended by itself.");
}

function exited(thread: Worker): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => void thread.terminate(), GOODBYE_MS);
    thread.once("exit", () => {
      clearTimeout(timer);
      resolve();
    });
    // It may have ended before.
    if (thread.threadId === -1) {
      clearTimeout(timer);
      resolve();
    }
  });
}
