import { lookup } from "node:dns/promises";
import { availableParallelism, cpus, hostname, loadavg, totalmem } from "node:os";
import { systemClock } from "../base/clock.ts";
import type { Environment } from "../base/environment.ts";
import { availableCores, availableGpus, visibleGpus } from "../launcher/devices.ts";
import { nvidiaDriver } from "../launcher/nvidia-driver.ts";
import type { MachineFacts, NameFinding } from "./doctor-report.ts";

/** A resolver without a server may wait much longer than anybody wants to. */
const LOOKUP_MS = 5000;

/**
 * Looks at what this process may use of its machine.
 *
 * @param requiredNode of package.json, for example ">=20.19".
 * @param environment of this process: it may hide GPUs.
 */
export async function lookAtMachine(
  requiredNode: string,
  environment: Environment,
): Promise<MachineFacts> {
  const allGpus = await availableGpus();
  const version = process.version;
  const names = ["localhost", hostname()];
  return {
    node: {
      version,
      required: requiredNode,
      isSupported: isNodeSupported(version, requiredNode),
    },
    platform: `${process.platform}-${process.arch}`,
    cpu: {
      model: cpus()[0]?.model.trim() ?? "unknown",
      cores: await availableCores(),
      coresOfMachine: Math.max(cpus().length, availableParallelism()),
      load: loadavg()[0] ?? 0,
    },
    memory: memoryFacts(),
    gpus: visibleGpus(allGpus, environment.CUDA_VISIBLE_DEVICES),
    nvidia: allGpus.length === 0 ? null : await nvidiaDriver(),
    names: await Promise.all(names.map(resolveName)),
  };
}

/** Whether a version like "v20.19.0" is at least that of a range like ">=20.19". */
export function isNodeSupported(version: string, required: string): boolean {
  const [major = 0, minor = 0] = numbersOf(version);
  const [leastMajor = 0, leastMinor = 0] = numbersOf(required);
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}

function numbersOf(version: string): readonly number[] {
  return (version.match(/\d+/g) ?? []).map(Number);
}

function memoryFacts(): MachineFacts["memory"] {
  const bytesOfMachine = totalmem();
  // Where nothing limits, Node says 0 or more than there is.
  const limit = process.constrainedMemory();
  const bytes =
    limit === undefined || limit === 0 ? bytesOfMachine : Math.min(limit, bytesOfMachine);
  return { bytesOfMachine, bytes, bytesFree: Math.min(bytes, process.availableMemory()) };
}

async function resolveName(name: string): Promise<NameFinding> {
  const tooLate = new Promise<null>((resolve) => systemClock.after(LOOKUP_MS, () => resolve(null)));
  const looking = lookup(name).then(
    ({ address }) => address,
    () => null,
  );
  return { name, address: await Promise.race([looking, tooLate]) };
}
