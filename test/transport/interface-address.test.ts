import type { NetworkInterfaceInfo } from "node:os";
import { expect, test } from "vitest";
import { interfaceAddress } from "../../src/transport/interface-address.ts";

function address(text: string): NetworkInterfaceInfo {
  const rest = { address: text, internal: false, netmask: "", mac: "", cidr: null };
  return text.includes(":") ? { ...rest, family: "IPv6", scopeid: 0 } : { ...rest, family: "IPv4" };
}

const INTERFACES = {
  eth0: [address("fe80::1"), address("2001:db8::7"), address("10.0.0.7")],
  eth1: [address("fe80::2"), address("2001:db8::8")],
  eth2: [address("fe80::3")],
};

test("is the IPv4 address of an interface, else an IPv6 one that others can dial", () => {
  expect(interfaceAddress("eth0", INTERFACES)).toBe("10.0.0.7");
  expect(interfaceAddress("eth1", INTERFACES)).toBe("2001:db8::8");
});

test.each([["eth2"], ["eth9"]])(
  "of %s there is none, and the message shows those that are",
  (name) => {
    const find = () => interfaceAddress(name, INTERFACES);
    expect(find).toThrow(expect.objectContaining({ code: "ERR_USAGE" }));
    expect(find).toThrow(
      `This machine has no network interface ${name} with an address. It has eth0 (fe80::1), `,
    );
  },
);
