import { networkInterfaces } from "node:os";
import { expect, test } from "vitest";
import { defined } from "../../src/base/assert.ts";
import { listenOn, readAdvertised } from "../../src/cli/place-options.ts";

test.each([
  ["10.0.0.5", { host: "10.0.0.5" }],
  ["10.0.0.5:7117", { host: "10.0.0.5", port: 7117 }],
  ["host-b.example", { host: "host-b.example" }],
  ["host-b:80", { host: "host-b", port: 80 }],
  ["2001:db8::1", { host: "2001:db8::1" }],
  ["[2001:db8::1]", { host: "2001:db8::1" }],
  ["[2001:db8::1]:7117", { host: "2001:db8::1", port: 7117 }],
])("reads %s", (text, advertised) => expect(readAdvertised(text)).toEqual(advertised));

test.each([[""], ["host:"], ["host:0"], ["host:65536"], ["ws://host"], ["a b"], ["host:1:2:x"]])(
  "refuses %j",
  (text) => expect(() => readAdvertised(text)).toThrow("HOST or HOST:PORT"),
);

const [name, addresses] = defined(
  Object.entries(networkInterfaces()).find(([, each]) => each?.[0]?.family === "IPv4"),
  "an interface with an IPv4 address",
);
const address = defined(addresses?.[0], "its address").address;

test.each([
  ["takes the place of the default host", { host: "127.0.0.9", port: 7117 }, false],
  ["takes the place of any interface", { host: "0.0.0.0", port: 7117 }, true],
])("an interface %s", (_name, listen, isChosen) => {
  expect(listenOn(listen, { interface: name }, isChosen)).toEqual({ host: address, port: 7117 });
});

test("an interface does not go with the address of another", () => {
  const both = () => listenOn({ host: "127.0.0.9", port: 7117 }, { interface: name }, true);
  expect(both).toThrow(expect.objectContaining({ code: "ERR_USAGE" }));
  expect(both).toThrow(`has the address ${address}, but --listen says 127.0.0.9`);
});
