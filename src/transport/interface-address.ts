import type { networkInterfaces } from "node:os";
import { TrainerError } from "../base/errors.ts";

/**
 * The address of a network interface of this machine, IPv4 before IPv6.
 *
 * @throws {TrainerError} ERR_USAGE when there is none of this name with an address; the message shows those
 *   that there are.
 */
export function interfaceAddress(
  name: string,
  interfaces: ReturnType<typeof networkInterfaces>,
): string {
  const usable = (interfaces[name] ?? []).filter(
    // Link-local addresses mean nothing without the interface's name.
    ({ address }) => !address.startsWith("fe80:"),
  );
  const chosen = usable.find(({ family }) => family === "IPv4") ?? usable[0];
  if (chosen !== undefined) return chosen.address;
  const known = Object.entries(interfaces)
    .flatMap(([each, addresses]) => (addresses ?? []).map(({ address }) => `${each} (${address})`))
    .join(", ");
  throw new TrainerError(
    "ERR_USAGE",
    `This machine has no network interface ${name} with an address. It has ${known}.`,
  );
}
