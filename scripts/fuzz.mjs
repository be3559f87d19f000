// Throws mutated messages, frames and handshakes at the decoder and at a listener, by the million.
//
//   npm run build && node scripts/fuzz.mjs [--inputs 1000000] [--handshakes 20000] [--seed 1]
//
// An input may be refused by ERR_PROTOCOL or read; anything else, more than SLOW_MS for one, or memory that
// grows ends the script with exit code 1, the seed and the input. The same seed makes the same inputs.

import { connect } from "node:net";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { seededRandom } from "../dist/base/random.js";
import { resolveConfiguration } from "../dist/configuration/resolve-configuration.js";
import { decode } from "../dist/protocol/decode.js";
import { encodeMessage, encodeTensorHeader } from "../dist/protocol/encode.js";
import { PROTOCOL_VERSION } from "../dist/protocol/messages.js";
import { dial } from "../dist/transport/dial.js";
import { listen } from "../dist/transport/listen.js";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc");

/** The decoder takes microseconds for these. */
const SLOW_MS = 500;
/** What the heap may be larger at the end than after the first tenth. */
const GROWTH_BYTES = 32 * 2 ** 20;

const { values } = parseArgs({
  options: {
    inputs: { type: "string", default: "1000000" },
    handshakes: { type: "string", default: "20000" },
    seed: { type: "string", default: "1" },
  },
});
const seed = Number(values.seed);
const random = seededRandom(seed);
const below = (n) => random.uint32() % n;

const digest = "0123456789abcdef".repeat(4);
const moment = { generation: 3, step: 812 };
const place = { vector: 0, ...moment, offset: 4096 };
const messages = [
  {
    ...{ type: "hello", protocolVersion: PROTOCOL_VERSION, name: "host-b/4711" },
    ...{ packageVersion: "0.1.0", peerPort: 41_234, peerHost: "10.0.0.7" },
  },
  {
    ...{ type: "prepared", step: 0, digest, engine: "onnx", device: "cpu", runtime: "ort" },
    ...{ numThreads: 2, layout: [{ name: "embed.weight", shape: [65, 128] }] },
  },
  { type: "linked", generation: 3 },
  { type: "ready", ...moment, lossSum: 123.5, gradientNorm: 0.25, computeMs: 41, exchangeMs: 9 },
  { type: "digest", step: 812, digest },
  { type: "evaluated", evaluationId: 4, batchIndex: 7, lossSum: 99.5 },
  { type: "peer-lost", generation: 3, peerId: 2, reason: "silent for 2.5 s" },
  { type: "worker-failed", code: "ERR_ENGINE", message: "out of memory" },
  {
    ...{ type: "welcome", workerId: 1, step: 0, restore: false, meshSecret: "s".repeat(43) },
    configuration: resolveConfiguration({ vocabSize: 65 }),
  },
  {
    ...{ type: "form", ...moment },
    members: [
      { workerId: 0, address: { host: "10.0.0.7", port: 4, fingerprint: "f".repeat(43) } },
      { workerId: 1 },
    ],
  },
  { type: "assign", ...moment, ranges: [{ lo: 0, hi: 4 }], tokens: new Uint8Array(64) },
  { type: "commit", ...moment, digest: true, snapshot: false },
  {
    ...{ type: "evaluate", evaluationId: 4, batchIndex: 7, numSequences: 1, length: 3 },
    tokens: new Uint8Array(16),
  },
  { type: "finish", reason: "the run is completed" },
  {
    ...{ type: "peer-hello", protocolVersion: PROTOCOL_VERSION, workerId: 1 },
    meshSecret: "s".repeat(43),
  },
];
const frames = [
  { kind: "partial", elements: "f32", ...place, lo: 0, hi: 4 },
  { kind: "sum", elements: "bf16", ...place, lo: 0, hi: 0 },
  { kind: "state", elements: "f32", ...place, vector: 2, lo: 0, hi: 0 },
].map((frame) => ({ ...frame, payload: new Uint8Array(64) }));
const corpus = [
  ...messages.map((message) => Buffer.from(encodeMessage(message))),
  ...frames.map((frame) => Buffer.concat([encodeTensorHeader(frame), frame.payload])),
];

/** Values at which lengths, tags and signs turn. */
const TURNS = [0, 1, 0x7f, 0x80, 0x8f, 0x90, 0xc0, 0xc6, 0xdb, 0xdc, 0xdd, 0xdf, 0xfe, 0xff];

const MUTATIONS = [
  (bytes, at) => set(bytes, at, bytes[at] ^ (1 << below(8))),
  (bytes, at) => set(bytes, at, below(256)),
  (bytes, at) => set(bytes, at, TURNS[below(TURNS.length)]),
  (bytes, at) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + below(8))]),
  (bytes, at) => Buffer.concat([bytes.subarray(0, at), noise(1 + below(8)), bytes.subarray(at)]),
  (bytes, at) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(below(bytes.length))]),
  (bytes, at) => bytes.subarray(0, at),
  (bytes, at, other) => Buffer.concat([bytes.subarray(0, at), other.subarray(below(other.length))]),
];

function set(bytes, at, value) {
  const copy = Buffer.from(bytes);
  copy[at] = value;
  return copy;
}

function noise(length) {
  return Buffer.from(Array.from({ length }, () => below(256)));
}

/** One of `inputs`, changed in one to four places. */
function mutated(inputs) {
  let bytes = inputs[below(inputs.length)];
  const numChanges = 1 + below(4);
  for (let i = 0; i < numChanges && bytes.length > 0; i++) {
    const mutate = MUTATIONS[below(MUTATIONS.length)];
    bytes = mutate(bytes, below(bytes.length), inputs[below(inputs.length)]);
  }
  return bytes;
}

function fail(what, bytes) {
  process.stderr.write(
    `FAILED with seed ${seed}: ${what}\ninput (hex): ${bytes.toString("hex")}\n`,
  );
  process.exit(1);
}

function fuzzDecoder(numInputs) {
  const counts = { read: 0, refused: 0 };
  let slowestMs = 0;
  let heapBytes = 0;
  for (let i = 0; i < numInputs; i++) {
    const bytes = mutated(corpus);
    const startMs = performance.now();
    try {
      decode(bytes);
      counts.read++;
    } catch (error) {
      if (error.code !== "ERR_PROTOCOL") fail(`decode threw ${error.stack}`, bytes);
      counts.refused++;
    }
    const ms = performance.now() - startMs;
    if (ms > slowestMs) slowestMs = ms;
    if (ms > SLOW_MS && isSlowAgain(bytes)) fail(`decode took ${ms.toFixed(0)} ms`, bytes);
    if (i === Math.floor(numInputs / 10)) heapBytes = heapNow();
  }
  const growth = heapNow() - heapBytes;
  if (growth > GROWTH_BYTES) fail(`the heap grew by ${growth} bytes`, Buffer.alloc(0));
  return { ...counts, slowestMs: Number(slowestMs.toFixed(2)), heapGrowthBytes: growth };
}

/** Whether it is the input that is slow: a busy machine stops the process once, not every time. */
function isSlowAgain(bytes) {
  return [1, 2, 3].every(() => {
    const startMs = performance.now();
    try {
      decode(bytes);
    } catch {
      // Refused before too.
    }
    return performance.now() - startMs > SLOW_MS;
  });
}

function heapNow() {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

const request = (lines) => Buffer.from(`GET / HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
const upgrade = [
  "Host: 127.0.0.1",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Protocol: smallinit",
];
const authorized = request([...upgrade, "Authorization: Bearer token"]);
/** A masked binary WebSocket frame (RFC 6455, section 5.2) of less than 64 KiB, mask zero. */
const webSocketFrame = (payload) =>
  Buffer.concat([
    Buffer.of(0x82, 0xfe, payload.length >> 8, payload.length & 255, 0, 0, 0, 0),
    payload,
  ]);
const handshakes = [
  request(upgrade),
  authorized,
  request([...upgrade, "Origin: https://example.org", "Authorization: Bearer token"]),
  ...corpus.map((bytes) => Buffer.concat([authorized, webSocketFrame(bytes)])),
];

async function fuzzListener(numHandshakes) {
  let numLinks = 0;
  const deaf = { onMessage: () => undefined, onTensor: () => undefined, onClose: () => undefined };
  const listener = await listen({
    ...{ host: "127.0.0.1", port: 0, token: "token" },
    onLink(link) {
      numLinks++;
      link.listen(deaf);
    },
  });
  let heapBytes = 0;
  for (let i = 0; i < numHandshakes; i++) {
    await call(listener.port, mutated(handshakes));
    if (i === Math.floor(numHandshakes / 10)) heapBytes = heapNow();
  }
  const growth = heapNow() - heapBytes;
  if (growth > GROWTH_BYTES) fail(`the heap grew by ${growth} bytes`, Buffer.alloc(0));
  const before = numLinks;
  const link = await dial({ host: "127.0.0.1", port: listener.port, token: "token" });
  link.listen(deaf);
  if (numLinks !== before + 1) fail("the listener takes no links any more", Buffer.alloc(0));
  await listener.close();
  return { links: before, heapGrowthBytes: growth };
}

/** Kept when the listener has hung up on these bytes and their end. */
function call(port, bytes) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.end(bytes));
    const timer = setTimeout(() => fail("the listener did not hang up within 30 s", bytes), 30_000);
    socket.resume();
    socket.on("error", () => undefined);
    socket.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

const startMs = performance.now();
const decoder = { inputs: Number(values.inputs), ...fuzzDecoder(Number(values.inputs)) };
process.stdout.write(`decoder  ${JSON.stringify(decoder)}\n`);
const listener = {
  handshakes: Number(values.handshakes),
  ...(await fuzzListener(Number(values.handshakes))),
};
process.stdout.write(`listener ${JSON.stringify(listener)}\n`);
process.stdout.write(
  `seed ${seed}, ${((performance.now() - startMs) / 1000).toFixed(0)} s: nothing crashed, hung or grew\n`,
);
process.exit(0);
