import type { NetworkInterfaceInfo } from "node:os";
import { expect, test } from "vitest";
import { reachableHost } from "../../src/coordinator/reachable-host.ts";

const address = (text: string, internal = false): NetworkInterfaceInfo =>
  text.includes(":")
    ? {
        ...{ address: text, family: "IPv6", internal, netmask: "", mac: "", cidr: null },
        scopeid: 0,
      }
    : { address: text, family: "IPv4", internal, netmask: "", mac: "", cidr: null };

const LOOPBACK = { lo: [address("127.0.0.1", true), address("::1", true)] };

test.each([
  ["a certain address is shown as it is", "10.0.0.5", LOOPBACK, "10.0.0.5"],
  [
    "any interface is shown by an address of one",
    "0.0.0.0",
    { ...LOOPBACK, eth0: [address("10.0.0.7")] },
    "10.0.0.7",
  ],
  ["IPv4 comes first", "::", { eth0: [address("2001:db8::1"), address("10.0.0.7")] }, "10.0.0.7"],
  [
    "IPv6 is shown where there is no other",
    "::",
    { eth0: [address("2001:db8::1")] },
    "2001:db8::1",
  ],
  [
    "IPv6 is not shown when only IPv4 is listened to",
    "0.0.0.0",
    { eth0: [address("2001:db8::1")] },
    "127.0.0.1",
  ],
  ["link-local addresses are passed over", "::", { eth0: [address("fe80::1")] }, "127.0.0.1"],
  ["a machine by itself is shown by its loopback", "0.0.0.0", LOOPBACK, "127.0.0.1"],
])("%s", (_name, listening, interfaces, shown) => {
  expect(reachableHost(listening, interfaces)).toBe(shown);
});
