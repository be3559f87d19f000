import { once } from "node:events";
import type { Socket } from "node:net";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { MAX_FRAME_FLOATS, MAX_MESSAGE_BYTES } from "../../src/protocol/limits.ts";
import type { Link } from "../../src/protocol/link.ts";
import { listen } from "../../src/transport/listen.ts";
import { FakeClock } from "../fake-clock.ts";

/** A listener with one open link to a client that is not one of ours. */
async function hostilePair() {
  const clock = new FakeClock();
  let accept: (link: Link) => void = () => undefined;
  const accepted = new Promise<Link>((resolve) => {
    accept = resolve;
  });
  const listener = await listen({ host: "127.0.0.1", port: 0, clock, onLink: accept });
  const client = new WebSocket(`ws://127.0.0.1:${listener.port}/`, "smallinit");
  const upgraded = once(client, "upgrade");
  await once(client, "open");
  const [response] = (await upgraded) as [{ readonly socket: Socket }];
  const link = await accepted;
  const heard: unknown[] = [];
  const closed = new Promise<string>((resolve) => {
    link.listen({
      onMessage: (message) => heard.push(message),
      onTensor: (frame) => heard.push(frame),
      onClose: resolve,
    });
  });
  client.on("error", () => undefined);
  async function dispose() {
    client.terminate();
    await listener.close();
  }
  return {
    clock,
    client,
    socket: response.socket,
    link,
    heard,
    closed,
    [Symbol.asyncDispose]: dispose,
  };
}

const tensorHeader = Buffer.concat([Buffer.from("SIT1"), Buffer.of(2), Buffer.alloc(27)]);

/** What a client does, and the reason with which it is dropped. */
const attacks: readonly (readonly [
  string,
  (client: WebSocket, socket: Socket) => void,
  string | RegExp,
])[] = [
  ["sends text", (client) => client.send("hello"), "sent nonsense: a text message"],
  [
    "sends nothing in a message",
    (client) => client.send(Buffer.alloc(0)),
    /^sent nonsense: 0 bytes/,
  ],
  [
    "sends random bytes",
    (client) => client.send(Buffer.from("random bytes")),
    /^sent nonsense: 12/,
  ],
  [
    "sends a message of no known type",
    (client) => client.send(Buffer.from("SIC1\u0081\u00a4type\u00a3owe", "latin1")),
    "sent nonsense: the message's type is \"owe\", but must be one of this protocol's",
  ],
  [
    "sends a message that is too long",
    (client) => client.send(Buffer.alloc(MAX_MESSAGE_BYTES + 1)),
    "sent nonsense: a message that is too long",
  ],
  [
    "sends a tensor that is too long",
    (client) => client.send(Buffer.concat([tensorHeader, Buffer.alloc(4 * MAX_FRAME_FLOATS + 4)])),
    /^sent nonsense: the payload's length is 1048580 bytes/,
  ],
  [
    "sends a tensor in two fragments, the second of no whole floats",
    (client) => {
      client.send(tensorHeader, { fin: false });
      client.send(Buffer.alloc(7), { fin: true });
    },
    /^sent nonsense: the payload's length is 7 bytes/,
  ],
  [
    "sends a message in a hundred fragments",
    (client) => {
      for (let i = 0; i < 100; i++) client.send(Buffer.alloc(1), { fin: i === 99 });
    },
    "sent nonsense: Too many message fragments",
  ],
  [
    "sends frames that are not masked",
    (_client, socket) => socket.write(Buffer.of(0x82, 1, 0)),
    /^sent nonsense: .*MASK must be set/,
  ],
  [
    "sends compressed frames",
    (_client, socket) => socket.write(Buffer.of(0xc2, 0x81, 0, 0, 0, 0, 0)),
    /^sent nonsense: .*RSV1 must be clear/,
  ],
  ["vanishes", (_client, socket) => socket.destroy(), "connection lost"],
  [
    "vanishes in the middle of a frame",
    (_client, socket) => {
      socket.write(Buffer.of(0x82, 0xfe, 0x10, 0), () => socket.destroy());
    },
    "connection lost",
  ],
  ["closes without a word", (client) => client.close(), "closed by peer"],
  [
    "closes with an escape sequence",
    (client) => client.close(1000, "a\u001b[2Jb"),
    "closed by peer: a [2Jb",
  ],
  [
    "closes with a separator of lines",
    (client) => client.close(1000, "a\u2028b"),
    "closed by peer: a b",
  ],
];

test.each(attacks)("a peer that %s is dropped with a reason", async (_name, attack, reason) => {
  await using pair = await hostilePair();
  attack(pair.client, pair.socket);
  if (typeof reason === "string") expect(await pair.closed).toBe(reason);
  else expect(await pair.closed).toMatch(reason);
  expect(pair.heard).toEqual([]);
});

test("a peer that is dropped is told why", async () => {
  await using pair = await hostilePair();
  const closed = once(pair.client, "close");
  pair.client.send("hello");
  const [code, reason] = (await closed) as [number, Buffer];
  expect([code, reason.toString()]).toEqual([1003, "sent nonsense: a text message"]);
});

test("nothing that a peer sent after nonsense is heard", async () => {
  await using pair = await hostilePair();
  pair.client.send("hello");
  pair.client.send(Buffer.concat([tensorHeader, Buffer.alloc(4)]));
  await pair.closed;
  await once(pair.client, "close");
  expect(pair.heard).toEqual([]);
});

test("a silent peer is dropped with the time of its silence", async () => {
  await using pair = await hostilePair();
  pair.clock.advance(800);
  expect(await pair.closed).toBe("silent for 0.8 s");
});

test("a peer hears a ping at every interval", async () => {
  await using pair = await hostilePair();
  for (let i = 0; i < 3; i++) {
    const pinged = once(pair.client, "ping");
    pair.clock.advance(200);
    await pinged;
  }
});

test("a peer that does not read is dropped before much waits for it", async () => {
  await using pair = await hostilePair();
  pair.client.pause();
  const tokens = new Uint8Array(8 * 2 ** 20);
  const moment = { generation: 1, step: 1 };
  for (let i = 0; i < 20; i++) {
    pair.link.send({ type: "assign", ...moment, ranges: [{ lo: 0, hi: 1 }], tokens });
  }
  expect(await pair.closed).toMatch(/^does not read: \d+ bytes wait for it$/);
});

test("payloads on their way to a peer that vanishes are let go of", async () => {
  await using pair = await hostilePair();
  pair.socket.pause();
  const payload = new Uint8Array(4 * MAX_FRAME_FLOATS);
  const place = { generation: 1, step: 1, offset: 0, lo: 0, hi: 0 };
  const sent = Array.from({ length: 40 }, () =>
    pair.link.sendTensor({ kind: "sum", vector: 0, elements: "f32", ...place, payload }),
  );
  pair.client.terminate();
  await Promise.all(sent);
  expect(await pair.closed).toMatch(/^connection lost/);
});

test("a peer that does not answer a close is cut", async () => {
  await using pair = await hostilePair();
  pair.socket.pause();
  pair.link.close("go away");
  pair.clock.advance(10_000);
  expect(await pair.closed).toBe("go away");
});
