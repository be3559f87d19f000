import { expect, test } from "vitest";
import { formatJoinUrl, type JoinAddress, parseJoinUrl } from "../../src/transport/join-url.ts";

const PIN = "A0-_".repeat(10).concat("xyz");

const urls: readonly (readonly [string, JoinAddress])[] = [
  ["ws://127.0.0.1:4000/", { host: "127.0.0.1", port: 4000, isSecure: false }],
  ["ws://host-b:4000/#abc", { host: "host-b", port: 4000, isSecure: false, token: "abc" }],
  ["wss://host-b:4000/#a%23%25b", { host: "host-b", port: 4000, isSecure: true, token: "a#%b" }],
  ["ws://host-b:4000/#a%2Cb", { host: "host-b", port: 4000, isSecure: false, token: "a,b" }],
  [
    `wss://host-b:4000/#abc,${PIN}`,
    { host: "host-b", port: 4000, isSecure: true, token: "abc", fingerprint: PIN },
  ],
  [
    `wss://host-b:4000/#a%2Cb,${PIN}`,
    { host: "host-b", port: 4000, isSecure: true, token: "a,b", fingerprint: PIN },
  ],
  [`wss://host-b:4000/#,${PIN}`, { host: "host-b", port: 4000, isSecure: true, fingerprint: PIN }],
  ["ws://[::1]:4000/#abc", { host: "::1", port: 4000, isSecure: false, token: "abc" }],
  ["ws://[fe80::1]:1/", { host: "fe80::1", port: 1, isSecure: false }],
];

test.each(urls)("reads and writes %s", (url, address) => {
  expect(parseJoinUrl(url)).toEqual(address);
  expect(formatJoinUrl(address)).toBe(url);
});

test("leaves a comma in a token alone where there is no certificate", () => {
  expect(parseJoinUrl("ws://host-b:4000/#a,b").token).toBe("a,b");
});

test.each([
  ["wss://host-b/#t", 443],
  ["ws://host-b", 80],
])("takes the usual port for %s", (url, port) => expect(parseJoinUrl(url).port).toBe(port));

test.each([
  [""],
  ["host-b:4000"],
  ["http://host-b:4000/#hunter2"],
  ["ws://"],
  ["ws://host-b:99999/#hunter2"],
  ["ws://host-b:4000/path#hunter2"],
  ["ws://host-b:4000/?token=1#hunter2"],
  ["ws://me:secret@host-b:4000/#hunter2"],
  ["ws://host-b:4000/#hunter2%"],
  ["wss://host-b:4000/#hunter2,"],
  ["wss://host-b:4000/#hunter2,0123"],
  [`wss://host-b:4000/#hunter2,${PIN}A`],
])("refuses %s without showing the token", (url) => {
  expect(() => parseJoinUrl(url)).toThrow(expect.objectContaining({ code: "ERR_URL" }));
  expect(() => parseJoinUrl(url)).not.toThrow(/hunter2/);
  expect(() => parseJoinUrl(url)).not.toThrow(/secret/);
});
