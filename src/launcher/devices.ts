import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";

/** A GPU of this machine, as its driver numbers it. */
export interface Gpu {
  readonly index: number;
  readonly name: string;
}

/** How long the driver's tool may take: it hangs when a device has fallen off the bus. */
const NVIDIA_SMI_MS = 5000;

/** The NVIDIA GPUs of this machine; none where there is no driver. */
export async function availableGpus(): Promise<readonly Gpu[]> {
  const query = ["--query-gpu=index,name", "--format=csv,noheader"];
  try {
    const { stdout } = await promisify(execFile)("nvidia-smi", query, { timeout: NVIDIA_SMI_MS });
    return parseGpus(stdout);
  } catch {
    return [];
  }
}

/** Reads lines of "index, name"; what is no such line, like a message of the driver, is left out. */
export function parseGpus(csv: string): readonly Gpu[] {
  return csv.split("\n").flatMap((line) => {
    const match = /^\s*(?<index>\d+)\s*,\s*(?<name>\S.*?)\s*$/.exec(line);
    const { index, name } = match?.groups ?? {};
    return index === undefined || name === undefined ? [] : [{ index: Number(index), name }];
  });
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

/** Most workers of `--workers auto` on a machine without GPUs: more share the step's leaves badly. */
const AUTO_WORKERS_MAX = 8;

/** How many workers `--workers auto` starts: one per GPU, else one per core. */
export async function defaultNumWorkers(): Promise<number> {
  const gpus = await availableGpus();
  if (gpus.length > 0) return gpus.length;
  return Math.min(AUTO_WORKERS_MAX, await availableCores());
}

/** Threads for each of some workers that share this machine: at least one. */
export function threadsPerWorker(numCores: number, numWorkers: number): number {
  return Math.max(1, Math.floor(numCores / numWorkers));
}
