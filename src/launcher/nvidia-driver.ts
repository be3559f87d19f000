import { nvidiaSmi } from "./devices.ts";

/** Versions of NVIDIA's driver. */
export interface NvidiaDriver {
  /** For example "550.54.15". */
  readonly driver: string;
  /** The newest CUDA that it runs, for example "12.4". */
  readonly cuda: string;
}

/** The versions that the driver's tool tells; null where it tells none. */
export async function nvidiaDriver(): Promise<NvidiaDriver | null> {
  // The shortest of its long lists: the versions stand at the head of each.
  return parseNvidiaDriver(await nvidiaSmi(["-q", "-d", "COMPUTE"]));
}

/** Reads "Driver Version : 550.54.15" and "CUDA Version : 12.4", each a line of its own. */
export function parseNvidiaDriver(text: string): NvidiaDriver | null {
  const versionOf = (name: string) =>
    new RegExp(`^${name}\\s*:\\s*(\\d[\\d.]*)`, "m").exec(text)?.[1];
  const [driver, cuda] = [versionOf("Driver Version"), versionOf("CUDA Version")];
  return driver === undefined || cuda === undefined ? null : { driver, cuda };
}
