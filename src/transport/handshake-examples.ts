// What callers send before there is a link: what fuzzing begins with, in the tests and in scripts/fuzz.mjs,
// which runs on the compiled files. No part of the package.

/** Asks for the challenge. */
export const EXAMPLE_QUESTION: Buffer = requestOf(["Host: 127.0.0.1"], "HEAD");

/** Header lines of an upgrade that a listener without a token accepts. */
export const EXAMPLE_UPGRADE: readonly string[] = [
  "Host: 127.0.0.1",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Protocol: smallinit",
];

/** A header line that looks like a proof and is none. */
export const EXAMPLE_GUESS: string = `Authorization: Smallinit nonce="${"n".repeat(43)}", proof="${"p".repeat(43)}"`;

/** The bytes of a request. */
export function requestOf(lines: readonly string[], method: "GET" | "HEAD" = "GET"): Buffer {
  return Buffer.from(`${method} / HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
}
