import { TrainerError } from "../base/errors.ts";
import type {
  DoctorReport,
  EngineFinding,
  Failed,
  KernelSpeed,
  LoopbackSpeed,
  MachineFacts,
} from "./doctor-report.ts";
import type { EngineEntry } from "./engine-table.ts";
import { findMissing } from "./find-missing.ts";

/** Everything that asks the machine; other answers in a test. */
export interface Probes {
  machine(): Promise<MachineFacts>;
  engine(entry: EngineEntry, measureMs: number): Promise<EngineFinding>;
  kernels(measureMs: number): Promise<KernelSpeed>;
  loopback(sendMs: number): Promise<LoopbackSpeed>;
}

/** What to examine, and how thoroughly. */
export interface Examination {
  readonly smallinit: string;
  readonly engines: readonly EngineEntry[];
  readonly measuresSpeed: boolean;
  readonly probes: Probes;
  /** Hears what is being done now, for people. */
  onProgress(doing: string): void;
}

/** Of ten seconds, what the engines share. */
const ENGINES_MS = 7000;
const KERNELS_MS = 800;
const LOOPBACK_MS = 1000;

/** Examines this machine, one probe after another so that none slows another down. */
export async function examine(examination: Examination): Promise<DoctorReport> {
  const { smallinit, measuresSpeed, probes, onProgress } = examination;
  onProgress("Looking at this machine");
  const machine = await probes.machine();
  const [gpu] = machine.gpus;
  const entries = examination.engines.flatMap((entry) => {
    if (!entry.needsGpu) return [entry];
    return gpu === undefined ? [] : [{ ...entry, device: `gpu:${gpu.index}` }];
  });
  const engines: EngineFinding[] = [];
  for (const entry of entries) {
    onProgress(`Trying the engine ${entry.engine} on ${entry.device}`);
    engines.push(await probes.engine(entry, measuresSpeed ? ENGINES_MS / entries.length : 0));
  }
  const speeds = measuresSpeed ? await measure(probes, onProgress) : NOTHING_MEASURED;
  return {
    ...{ smallinit, ...machine, engines, ...speeds },
    best: bestOf(engines),
    missing: findMissing(machine, engines),
  };
}

const NOTHING_MEASURED = { kernels: null, loopback: null };

async function measure(probes: Probes, onProgress: Examination["onProgress"]) {
  onProgress("Measuring the loops over vectors");
  const kernels = await orWhy(probes.kernels(KERNELS_MS));
  onProgress("Measuring a WebSocket on loopback");
  const loopback = await orWhy(probes.loopback(LOOPBACK_MS));
  return { kernels, loopback };
}

async function orWhy<Speed>(measuring: Promise<Speed>): Promise<Speed | Failed> {
  try {
    return await measuring;
  } catch (error) {
    if (!(error instanceof TrainerError)) throw error;
    return { why: error.message };
  }
}

/** The fastest; without measures the first, as the table has the faster ones first. */
function bestOf(engines: readonly EngineFinding[]): DoctorReport["best"] {
  const speedOf = (finding: EngineFinding) =>
    finding.works ? (finding.speed?.tokensPerSecond ?? 0) : -1;
  const [best] = engines
    .filter(({ works }) => works)
    .sort((one, other) => speedOf(other) - speedOf(one));
  return best === undefined ? null : { engine: best.engine, device: best.device };
}
