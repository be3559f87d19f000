import { connect } from "node:net";
import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeMessage } from "../../src/protocol/encode.ts";
import { dial } from "../../src/transport/dial.ts";
import { listen } from "../../src/transport/listen.ts";

/** Fuzzing that finds something finds it again. */
const SEED = 20_261_123;
const deaf = { onMessage: () => undefined, onTensor: () => undefined, onClose: () => undefined };

const HEADERS = [
  "Host: 127.0.0.1",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Protocol: smallinit",
  "Authorization: Bearer token",
];
const greeting = (headers: readonly string[]) =>
  Buffer.from(`GET / HTTP/1.1\r\n${headers.join("\r\n")}\r\n\r\n`);

/** A masked frame (RFC 6455, section 5.2) of any opcode, flags, length and content. */
const frame = fc
  .record({
    first: fc.nat(255),
    length: fc.constantFrom(0, 5, 125, 126, 127, 255),
    rest: fc.uint8Array({ maxLength: 40 }),
  })
  .map(({ first, length, rest }) => Buffer.concat([Buffer.of(first, length), rest]));
const message = encodeMessage({ type: "linked", generation: 1 });
const validFrame = fc.constant(
  Buffer.concat([Buffer.of(0x82, 0x80 | message.length, 0, 0, 0, 0), message]),
);

/** What a caller sends, and then hangs up. */
const callers: readonly (readonly [string, fc.Arbitrary<Uint8Array>])[] = [
  ["random bytes", fc.uint8Array({ maxLength: 100 })],
  [
    "a greeting with bytes changed, cut out or put in",
    fc
      .array(fc.record({ at: fc.nat(), cut: fc.nat(4), insert: fc.uint8Array({ maxLength: 4 }) }), {
        minLength: 1,
        maxLength: 4,
      })
      .map((edits) =>
        edits.reduce((bytes, { at, cut, insert }) => {
          const place = at % bytes.length;
          return Buffer.concat([bytes.subarray(0, place), insert, bytes.subarray(place + cut)]);
        }, greeting(HEADERS)),
      ),
  ],
  [
    "a greeting with headers left out, doubled or in another order",
    fc.array(fc.constantFrom(...HEADERS), { maxLength: 12 }).map(greeting),
  ],
  [
    "a good greeting and then frames of any kind",
    fc
      .array(fc.oneof(frame, validFrame), { maxLength: 5 })
      .map((frames) => Buffer.concat([greeting(HEADERS), ...frames])),
  ],
];

test.each(callers)(
  "a caller that sends %s ends its own connection and nothing else",
  async (_name, bytes) => {
    let numLinks = 0;
    await using listener = await listen({
      ...{ host: "127.0.0.1", port: 0, token: "token" },
      onLink: (link) => {
        numLinks++;
        link.listen(deaf);
      },
    });
    await fc.assert(
      fc.asyncProperty(bytes, (each) => call(listener.port, each)),
      { seed: SEED, numRuns: 250 },
    );
    const before = numLinks;
    const link = await dial({ host: "127.0.0.1", port: listener.port, token: "token" });
    link.listen(deaf);
    expect(numLinks).toBe(before + 1);
  },
);

/** Kept when the listener has hung up on these bytes and their end. */
function call(port: number, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.end(bytes));
    socket.resume();
    socket.on("error", () => undefined);
    socket.once("close", () => resolve());
  });
}
