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
import { decodeAny, EXAMPLE_BYTES } from "../dist/protocol/examples.js";
import { dial } from "../dist/transport/dial.js";
import {
  EXAMPLE_GUESS,
  EXAMPLE_QUESTION,
  EXAMPLE_UPGRADE,
  requestOf,
} from "../dist/transport/handshake-examples.js";
import { listen } from "../dist/transport/listen.js";
import { mutatorOf } from "./fuzz-mutations.mjs";

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
const mutated = mutatorOf(seededRandom(seed));
const corpus = EXAMPLE_BYTES.map((bytes) => Buffer.from(bytes));

function fail(what, bytes) {
  process.stderr.write(
    `FAILED with seed ${seed}: ${what}\ninput (hex): ${bytes.toString("hex")}\n`,
  );
  process.exit(1);
}

/** An example that is refused as it is leads nowhere, however it is changed. */
function checkExamples() {
  for (const bytes of corpus) {
    try {
      decodeAny(bytes);
    } catch (error) {
      fail(`an example is refused: ${error.message}`, bytes);
    }
  }
}

function fuzzDecoder(numInputs) {
  const counts = { read: 0, refused: 0 };
  let slowestMs = 0;
  let heapBytes = 0;
  for (let i = 0; i < numInputs; i++) {
    const bytes = mutated(corpus);
    const startMs = performance.now();
    try {
      decodeAny(bytes);
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
      decodeAny(bytes);
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

/** A masked binary WebSocket frame (RFC 6455, section 5.2) of less than 64 KiB, mask zero. */
const webSocketFrame = (payload) =>
  Buffer.concat([
    Buffer.of(0x82, 0xfe, payload.length >> 8, payload.length & 255, 0, 0, 0, 0),
    payload,
  ]);
/** With a token: what comes before a link. Without: what comes after it. */
const targets = [
  {
    target: { token: "token" },
    inputs: [
      EXAMPLE_QUESTION,
      requestOf(EXAMPLE_UPGRADE),
      Buffer.concat([EXAMPLE_QUESTION, requestOf([...EXAMPLE_UPGRADE, EXAMPLE_GUESS])]),
      requestOf([...EXAMPLE_UPGRADE, "Origin: https://example.org"]),
    ],
  },
  {
    target: {},
    inputs: corpus.map((bytes) =>
      Buffer.concat([requestOf(EXAMPLE_UPGRADE), webSocketFrame(bytes)]),
    ),
  },
];

async function fuzzListener({ target, inputs }, numHandshakes) {
  let numLinks = 0;
  const deaf = { onMessage: () => undefined, onTensor: () => undefined, onClose: () => undefined };
  const listener = await listen({
    ...{ host: "127.0.0.1", port: 0, ...target },
    onLink(link) {
      numLinks++;
      link.listen(deaf);
    },
  });
  let heapBytes = 0;
  for (let i = 0; i < numHandshakes; i++) {
    await call(listener.port, mutated(inputs));
    if (i === Math.floor(numHandshakes / 10)) heapBytes = heapNow();
  }
  const growth = heapNow() - heapBytes;
  if (growth > GROWTH_BYTES) fail(`the heap grew by ${growth} bytes`, Buffer.alloc(0));
  const before = numLinks;
  const link = await dial({ host: "127.0.0.1", port: listener.port, ...target });
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
checkExamples();
const decoder = { inputs: Number(values.inputs), ...fuzzDecoder(Number(values.inputs)) };
process.stdout.write(`decoder  ${JSON.stringify(decoder)}\n`);
const handshakes = Math.ceil(Number(values.handshakes) / targets.length);
for (const each of targets) {
  const listener = { ...each.target, handshakes, ...(await fuzzListener(each, handshakes)) };
  process.stdout.write(`listener ${JSON.stringify(listener)}\n`);
}
process.stdout.write(
  `seed ${seed}, ${((performance.now() - startMs) / 1000).toFixed(0)} s: nothing crashed, hung or grew\n`,
);
process.exit(0);
