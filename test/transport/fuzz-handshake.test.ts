import { connect } from "node:net";
import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeMessage } from "../../src/protocol/encode.ts";
import { dial } from "../../src/transport/dial.ts";
import {
  EXAMPLE_GUESS,
  EXAMPLE_QUESTION,
  EXAMPLE_UPGRADE,
  requestOf,
} from "../../src/transport/handshake-examples.ts";
import { listen } from "../../src/transport/listen.ts";

/** Fuzzing that finds something finds it again. */
const SEED = 20_261_123;
const deaf = { onMessage: () => undefined, onTensor: () => undefined, onClose: () => undefined };

const HEADERS = [...EXAMPLE_UPGRADE, EXAMPLE_GUESS];

type Target = { readonly token?: string };
/** Whoever knows no token cannot guess a proof; where there is none, some greetings are good. */
const SHUT: Target = { token: "token" };
const OPEN: Target = {};

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

/** A greeting, and before it perhaps something else, with bytes changed, cut out or put in. */
const spoilt = (bytes: Buffer) =>
  fc
    .array(fc.record({ at: fc.nat(), cut: fc.nat(4), insert: fc.uint8Array({ maxLength: 4 }) }), {
      minLength: 1,
      maxLength: 4,
    })
    .map((edits) =>
      edits.reduce((former, { at, cut, insert }) => {
        const place = at % former.length;
        return Buffer.concat([former.subarray(0, place), insert, former.subarray(place + cut)]);
      }, bytes),
    );

/** What a caller sends, and then hangs up; and whom it calls. */
const callers: readonly (readonly [string, fc.Arbitrary<Uint8Array>, Target])[] = [
  ["random bytes", fc.uint8Array({ maxLength: 100 }), SHUT],
  ["a greeting with bytes changed, cut out or put in", spoilt(requestOf(HEADERS)), OPEN],
  [
    "a question and a greeting with bytes changed, cut out or put in",
    spoilt(Buffer.concat([EXAMPLE_QUESTION, requestOf(HEADERS)])),
    SHUT,
  ],
  [
    "a greeting with headers left out, doubled or in another order",
    fc
      .array(fc.constantFrom(...HEADERS), { maxLength: 12 })
      .map((headers) => Buffer.concat([EXAMPLE_QUESTION, requestOf(headers)])),
    SHUT,
  ],
  [
    "a good greeting and then frames of any kind",
    fc
      .array(fc.oneof(frame, validFrame), { maxLength: 5 })
      .map((frames) => Buffer.concat([requestOf(HEADERS), ...frames])),
    OPEN,
  ],
];

test.each(callers)(
  "a caller that sends %s ends its own connection and nothing else",
  async (_name, bytes, target) => {
    let numLinks = 0;
    await using listener = await listen({
      ...{ host: "127.0.0.1", port: 0, ...target },
      onLink: (link) => {
        numLinks++;
        link.listen(deaf);
      },
    });
    await fc.assert(
      fc.asyncProperty(bytes, (each) => call(listener.port, each)),
      { seed: SEED, numRuns: 250 },
    );
    if (target === OPEN) expect(numLinks).toBeGreaterThan(0);
    else expect(numLinks).toBe(0);
    const before = numLinks;
    const link = await dial({ host: "127.0.0.1", port: listener.port, ...target });
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
