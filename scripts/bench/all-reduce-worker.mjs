// One worker of all-reduce.mjs, told by its parent what to do.
import { connect, createServer } from "node:net";
import { Exchange } from "../../dist/collective/exchange.js";
import { planMesh, scratchLengthOf } from "../../dist/collective/exchange-plan.js";
import { FrameMailbox } from "../../dist/collective/frame-mailbox.js";
import { Arena, arenaBytes } from "../../dist/kernels/arena.js";
import { createKernels } from "../../dist/kernels/kernels.js";
import { PROTOCOL_VERSION } from "../../dist/protocol/messages.js";
import { dial } from "../../dist/transport/dial.js";
import { listen } from "../../dist/transport/listen.js";
import { SlotFolder } from "../../dist/transport/slot-folder.js";

/** Said in the place of the mesh's secret, which nobody compares here: what the link is for. */
const PATHS = ["memory", "socket"];
const NUM_FLOATS_MAX = 72_000_000;
/** By path, then by rank. */
const links = new Map(PATHS.map((path) => [path, new Map()]));
/** Undefined where this machine has no memory file system: then both paths are sockets. */
const slotFolder = SlotFolder.open({ log: { info: console.error, warn: console.error } });
const sockets = new Map();
const mailbox = new FrameMailbox({ bytesPerPeerMax: Number.POSITIVE_INFINITY });
let selfRank = 0;
let numRanks = 1;
let room;
let step = 0;
let onSocketBytes = () => undefined;
let whenConnected = () => undefined;

process.once("disconnect", () => process.exit());
process.on("message", async ({ rank, type, ...message }) => {
  selfRank = rank;
  if (type === "listen") process.send(await open(message.numWorkers));
  else if (type === "connect") process.send(await connectAll(message.addresses));
  else process.send(await measure(message));
});

async function open(numWorkers) {
  numRanks = numWorkers;
  const scratchFloats = 2 ** 21;
  const lengths = [NUM_FLOATS_MAX, NUM_FLOATS_MAX, scratchFloats];
  const kernels = await createKernels({ bytes: arenaBytes(lengths) });
  const arena = new Arena(kernels);
  const [partial, sum, scratch] = lengths.map((length) => arena.floats(length));
  partial.fill(1);
  room = { kernels, partial, sum, scratch };
  const onLink = (link) => hearFrames(link);
  const listener = await listen({ host: "127.0.0.1", port: 0, onLink, slotFolder });
  const server = createServer((socket) => {
    socket.once("data", (data) => hearBytes(data[0], socket));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: listener.port, socketPort: server.address().port };
}

/** The later of two dials, as members of a mesh do. */
async function connectAll(addresses) {
  const connected = new Promise((resolve) => {
    whenConnected = resolve;
  });
  for (let rank = 0; rank < selfRank; rank++) {
    const { port, socketPort } = addresses[rank];
    for (const path of PATHS) {
      const offer = path === "memory" ? { slotFolder } : {};
      const link = await dial({ host: "127.0.0.1", port, ...offer });
      hearFrames(link, { path, rank });
      link.send({
        type: "peer-hello",
        // One number for who calls and which of its paths this is.
        ...{
          protocolVersion: PROTOCOL_VERSION,
          workerId: PATHS.indexOf(path) * numRanks + selfRank,
        },
      });
    }
    const socket = connect({ host: "127.0.0.1", port: socketPort });
    await new Promise((resolve) => socket.once("connect", resolve));
    socket.write(Uint8Array.of(selfRank));
    hearBytes(rank, socket);
  }
  await connected;
  return true;
}

function hearFrames(link, known) {
  let from = known?.rank;
  link.listen({
    onMessage: ({ workerId }) => {
      from = workerId % numRanks;
      links.get(PATHS[Math.floor(workerId / numRanks)]).set(from, link);
      checkConnected();
    },
    onTensor: (frame) => mailbox.receive(from, frame),
    onClose: (reason) => console.error(reason),
  });
  if (known !== undefined) links.get(known.path).set(from, link);
}

function hearBytes(rank, socket) {
  socket.setNoDelay(true);
  socket.on("data", (data) => onSocketBytes(data.length));
  socket.on("error", () => undefined);
  sockets.set(rank, socket);
  checkConnected();
}

function checkConnected() {
  const all = [sockets, ...links.values()];
  if (all.every(({ size }) => size === numRanks - 1)) whenConnected();
}

/** Milliseconds, and of a core, of one all-reduce: the mean of some after one that does not count. */
async function measure({ side, numFloats, numTimes }) {
  const once = side === "bare sockets" ? moveBytes : allReduce;
  await once(numFloats, side);
  const start = performance.now();
  const before = process.cpuUsage();
  for (let i = 0; i < numTimes; i++) await once(numFloats, side);
  const ms = (performance.now() - start) / numTimes;
  const { user, system } = process.cpuUsage(before);
  return { ms, coreMs: (user + system) / 1000 / numTimes };
}

async function allReduce(vectorLength, side) {
  const [wire, path] = side.split(" ");
  const members = Array.from({ length: numRanks }, (_, id) => ({
    id,
    range: { lo: id, hi: id + 1 },
  }));
  const moment = { generation: 1, step: step++ };
  const plan = planMesh({ ...moment, numLeaves: numRanks, vectorLength, members, wire });
  if (scratchLengthOf(plan) > room.scratch.length) throw new RangeError("the scratch is too small");
  const sum = room.sum.subarray(0, vectorLength);
  const { kernels, scratch } = room;
  const exchange = new Exchange({
    plan,
    selfId: selfRank,
    links: links.get(path),
    sum,
    scratch,
    kernels,
  });
  for (const { error } of mailbox.open(exchange)) throw error;
  exchange.addPartial({ lo: selfRank, hi: selfRank + 1 }, room.partial.subarray(0, vectorLength));
  await exchange.done;
  if (sum[0] !== numRanks || sum[vectorLength - 1] !== numRanks) throw new RangeError("wrong sum");
}

/** Each pair exchanges two chunks' bytes each way: a partial and a sum. */
function moveBytes(numFloats) {
  const bytesPerPeer = 8 * Math.floor(numFloats / numRanks);
  const payload = new Uint8Array(room.partial.buffer, 0, 2 ** 20);
  let numLeft = bytesPerPeer * (numRanks - 1) + early.numBytes;
  early.numBytes = 0;
  return new Promise((resolve) => {
    let numSending = numRanks - 1;
    const check = () => {
      if (numLeft > 0 || numSending > 0) return;
      early.numBytes = numLeft;
      onSocketBytes = keepEarly;
      resolve();
    };
    onSocketBytes = (numBytes) => {
      numLeft -= numBytes;
      check();
    };
    for (const socket of sockets.values()) {
      let numToSend = bytesPerPeer;
      const next = () => {
        if (numToSend === 0) {
          numSending--;
          check();
          return;
        }
        const numBytes = Math.min(numToSend, payload.length);
        numToSend -= numBytes;
        socket.write(payload.subarray(0, numBytes), next);
      };
      next();
    }
  });
}

/** Bytes of the next turn that came before it, as a negative number. */
const early = { numBytes: 0 };

function keepEarly(numBytes) {
  early.numBytes -= numBytes;
}
onSocketBytes = keepEarly;
