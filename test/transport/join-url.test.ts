import { expect, test } from "vitest";
import { formatJoinUrl, type JoinAddress, parseJoinUrl } from "../../src/transport/join-url.ts";

const urls: readonly (readonly [string, JoinAddress])[] = [
  ["ws://127.0.0.1:4000/", { host: "127.0.0.1", port: 4000, isSecure: false }],
  ["ws://host-b:4000/#abc", { host: "host-b", port: 4000, isSecure: false, token: "abc" }],
  ["wss://host-b:4000/#a%23%25b", { host: "host-b", port: 4000, isSecure: true, token: "a#%b" }],
  ["ws://[::1]:4000/#abc", { host: "::1", port: 4000, isSecure: false, token: "abc" }],
  ["ws://[fe80::1]:1/", { host: "fe80::1", port: 1, isSecure: false }],
];

test.each(urls)("reads and writes %s", (url, address) => {
  expect(parseJoinUrl(url)).toEqual(address);
  expect(formatJoinUrl(address)).toBe(url);
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
])("refuses %s without showing the token", (url) => {
  expect(() => parseJoinUrl(url)).toThrow(expect.objectContaining({ code: "ERR_URL" }));
  expect(() => parseJoinUrl(url)).not.toThrow(/hunter2/);
  expect(() => parseJoinUrl(url)).not.toThrow(/secret/);
});
