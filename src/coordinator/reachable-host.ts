import type { networkInterfaces } from "node:os";

/**
 * The host to show for an address that the coordinator listens on.
 *
 * "Any interface" is no address that a worker elsewhere could dial: the first of this machine that is
 * not its own loopback is shown instead, IPv4 before IPv6.
 */
export function reachableHost(
  address: string,
  interfaces: ReturnType<typeof networkInterfaces>,
): string {
  if (address !== "0.0.0.0" && address !== "::") return address;
  const external = Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    // Link-local addresses mean nothing without the interface's name.
    .filter((one) => !one.internal && !one.address.startsWith("fe80:"));
  const ipv4 = external.find(({ family }) => family === "IPv4");
  return (ipv4 ?? (address === "::" ? external[0] : undefined))?.address ?? "127.0.0.1";
}
