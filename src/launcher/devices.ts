import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";

/** A GPU of this machine, as its driver numbers it. */
export interface Gpu {
  readonly index: number;
  readonly name: string;
  /** "GPU-" and a UUID. */
  readonly id: string;
}

/** How long the driver's tool may take: it hangs when a device has fallen off the bus. */
const NVIDIA_SMI_MS = 5000;

/** The NVIDIA GPUs of this machine; none where there is no driver. */
export async function availableGpus(): Promise<readonly Gpu[]> {
  return parseGpus(await nvidiaSmi(["--query-gpu=index,uuid,name", "--format=csv,noheader"]));
}

/** What the driver's tool prints; nothing where there is no driver, or when the tool fails. */
export async function nvidiaSmi(options: readonly string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)("nvidia-smi", options, { timeout: NVIDIA_SMI_MS });
    return stdout;
  } catch {
    return "";
  }
}

/** Reads lines of "index, UUID, name"; what is no such line, like a message of the driver, is left out. */
export function parseGpus(csv: string): readonly Gpu[] {
  return csv.split("\n").flatMap((line) => {
    const match = /^\s*(?<index>\d+)\s*,\s*(?<id>GPU-\S+?)\s*,\s*(?<name>\S.*?)\s*$/.exec(line);
    const { index, id, name } = match?.groups ?? {};
    if (index === undefined || id === undefined || name === undefined) return [];
    return [{ index: Number(index), name, id }];
  });
}

/**
 * Those GPUs that `CUDA_VISIBLE_DEVICES` leaves to this process, in its order. As CUDA reads it: numbers
 * or beginnings of UUIDs, up to the first that is no GPU; unset, all.
 */
export function visibleGpus(gpus: readonly Gpu[], visible: string | undefined): readonly Gpu[] {
  if (visible === undefined) return gpus;
  const found: Gpu[] = [];
  for (const wanted of visible.split(",").map((entry) => entry.trim())) {
    const gpu = gpus.find(({ index, id }) =>
      wanted.startsWith("GPU-") ? id.startsWith(wanted) : String(index) === wanted,
    );
    if (gpu === undefined) break;
    found.push(gpu);
  }
  return found;
}

/** Cores that this process may use: those of its affinity, or of its cgroup's quota if less. */
export async function availableCores(): Promise<number> {
  const cores = availableParallelism();
  const quota = parseCpuQuota(await readFile("/sys/fs/cgroup/cpu.max", "utf8").catch(() => ""));
  return quota === undefined ? cores : Math.max(1, Math.min(cores, Math.ceil(quota)));
}

/** Cores that a cgroup's `cpu.max` ("quota period" in microseconds, or "max period") allows. */
export function parseCpuQuota(text: string): number | undefined {
  const match = /^(?<quota>\d+) (?<period>\d+)\s*$/.exec(text);
  const { quota, period } = match?.groups ?? {};
  if (quota === undefined || period === undefined || Number(period) === 0) return undefined;
  return Number(quota) / Number(period);
}

/** Most workers of `--workers auto` on a CPU: more share the step's leaves badly. */
const AUTO_WORKERS_MAX = 8;

/** How many workers `--workers auto` starts on the CPU: one per core. */
export async function workersPerCpu(): Promise<number> {
  return Math.min(AUTO_WORKERS_MAX, await availableCores());
}

/** Threads for each of some workers that share this machine: at least one. */
export function threadsPerWorker(numCores: number, numWorkers: number): number {
  return Math.max(1, Math.floor(numCores / numWorkers));
}
