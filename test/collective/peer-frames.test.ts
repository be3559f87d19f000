import { expect, test } from "vitest";
import { defined } from "../../src/base/assert.ts";
import type { TrainerError } from "../../src/base/errors.ts";
import type { Exchange } from "../../src/collective/exchange.ts";
import { FrameMailbox, mailboxBytesPerPeer } from "../../src/collective/frame-mailbox.ts";
import type { TensorFrame } from "../../src/protocol/tensor-frame.ts";
import { makeFleet } from "./fleet.ts";
import { VirtualNetwork } from "./virtual-network.ts";

/** Worker 0 of three; leaves [0, 2) [2, 3) [3, 4); chunks of 32 floats, one each. */
async function workerZero(): Promise<Exchange> {
  const network = new VirtualNetwork(1);
  const members = await makeFleet({
    ...{ topology: "mesh", numWorkers: 3, numLeaves: 4, vectorLength: 96 },
    connect(a, b) {
      const [endOfA, endOfB] = network.link([`worker ${b}`, `worker ${a}`]);
      return Promise.resolve(
        new Map([
          [a, endOfA],
          [b, endOfB],
        ]),
      );
    },
  });
  return defined(members[0], "worker 0").exchange;
}

/** A mailbox, what it found wrong, and its later turns. */
function openMailbox(bytesPerPeerMax = mailboxBytesPerPeer(96, 4)) {
  const faults: { readonly fromId: number; readonly error: TrainerError }[] = [];
  const turns: (() => void)[] = [];
  const mailbox = new FrameMailbox({
    bytesPerPeerMax,
    onViolation: (fromId, error) => faults.push({ fromId, error }),
    defer: (turn) => turns.push(turn),
  });
  return { mailbox, faults, turns };
}

const partial: TensorFrame = {
  ...{
    kind: "partial",
    vector: 0,
    elements: "f32",
    generation: 3,
    step: 7,
    offset: 0,
    lo: 2,
    hi: 3,
  },
  payload: new Uint8Array(4 * 32),
};
const sum: TensorFrame = { ...partial, kind: "sum", offset: 32, lo: 0, hi: 0 };

const lies: readonly (readonly [string, TensorFrame, string])[] = [
  ["begins in the middle of a chunk", { ...partial, offset: 8 }, "no chunk begins there"],
  ["begins past the vector", { ...partial, offset: 96 }, "no chunk begins there"],
  ["is too short", { ...partial, payload: new Uint8Array(4) }, "chunk 1/3 has 32 floats"],
  ["is too long", { ...partial, payload: new Uint8Array(4 * 64) }, "chunk 1/3 has 32 floats"],
  ["is of another worker's leaf", { ...partial, lo: 3, hi: 4 }, "that node is not its own"],
  ["is of a range that is no node", { ...partial, lo: 1, hi: 3 }, "that node is not its own"],
  ["is of leaves that do not exist", { ...partial, lo: 4, hi: 9 }, "that node is not its own"],
  [
    "is written in another format",
    { ...partial, elements: "bf16", payload: new Uint8Array(2 * 32) },
    "chunk 1/3 travels as f32",
  ],
  ["goes to the wrong owner", { ...partial, offset: 32 }, "its owner is another"],
  ["is a sum of a chunk that it does not own", { ...sum, offset: 64 }, "its owner is another"],
  ["is a sum of the receiver's own chunk", { ...sum, offset: 0 }, "its owner is another"],
  ["is a sum before it can be one", sum, "it cannot have had this worker's partials yet"],
  ["is a piece of a checkpoint", { ...partial, kind: "state" }, "it is no part of an exchange"],
];

test.each(lies)("a frame that %s is refused by the sender's name", async (_name, frame, why) => {
  const exchange = await workerZero();
  expect(() => exchange.receive(1, frame)).toThrow(
    expect.objectContaining({ code: "ERR_PEER_FRAME", message: expect.stringContaining(why) }),
  );
  expect(() => exchange.receive(1, frame)).toThrow(/^worker 1 sent a /);
});

test("a partial that came before is refused", async () => {
  const exchange = await workerZero();
  exchange.receive(1, partial);
  expect(() => exchange.receive(1, partial)).toThrow(/but it came before/);
});

test("frames that come before the exchange of their moment wait for it", async () => {
  const exchange = await workerZero();
  const { mailbox, faults } = openMailbox();
  mailbox.receive(1, partial);
  mailbox.receive(2, { ...partial, lo: 3, hi: 4 });
  mailbox.open(exchange);
  expect(faults).toEqual([]);
  expect(() => mailbox.receive(1, partial)).toThrow(/but it came before/);
  expect(JSON.stringify(exchange.waits())).not.toContain("of chunk 1/3");
});

test("a frame that waited and has no place is reported with its sender", async () => {
  const { mailbox, faults } = openMailbox();
  mailbox.receive(2, partial);
  mailbox.receive(1, partial);
  mailbox.open(await workerZero());
  expect(faults).toMatchObject([{ fromId: 2, error: { code: "ERR_PEER_FRAME" } }]);
});

test.each([
  ["an older generation", { generation: 2, step: 9 }],
  ["an older step", { generation: 3, step: 6 }],
])("a frame of %s is dropped and counted", async (_name, moment) => {
  const { mailbox } = openMailbox();
  mailbox.receive(1, { ...partial, ...moment });
  mailbox.open(await workerZero());
  mailbox.receive(1, { ...partial, ...moment });
  expect(mailbox.takeNumRefused()).toBe(2);
  expect(mailbox.takeNumRefused()).toBe(0);
});

test("a frame of an exchange that was aborted is dropped and counted", async () => {
  const { mailbox } = openMailbox();
  const exchange = await workerZero();
  mailbox.open(exchange);
  void exchange.abort();
  mailbox.receive(1, partial);
  expect(mailbox.takeNumRefused()).toBe(1);
});

test("of many frames that waited, some are handed over in each turn, and what comes meanwhile after them", async () => {
  const exchange = await workerZero();
  const { mailbox, faults, turns } = openMailbox(1e9);
  const numOld = 5000;
  for (let i = 0; i < numOld; i++) mailbox.receive(1, { ...partial, step: 6 });
  mailbox.receive(1, partial);
  mailbox.open(exchange);
  mailbox.receive(1, partial);
  const numFirst = mailbox.takeNumRefused();
  expect(numFirst).toBeGreaterThan(0);
  expect(numFirst).toBeLessThan(numOld);
  expect(faults).toEqual([]);
  while (turns.length > 0) turns.shift()?.();
  expect(mailbox.takeNumRefused()).toBe(numOld - numFirst);
  // The one that waited was taken, so that the one that came meanwhile is a second.
  expect(faults).toMatchObject([{ fromId: 1, error: { code: "ERR_PEER_FRAME" } }]);
  expect(() => mailbox.receive(1, partial)).toThrow(/but it came before/);
});

test.each([
  ["of the next step", { generation: 3, step: 8 }],
  ["of the next generation", { generation: 4, step: 7 }],
])("a frame %s goes on waiting", async (_name, moment) => {
  const { mailbox } = openMailbox(2048);
  mailbox.open(await workerZero());
  mailbox.receive(1, { ...partial, ...moment });
  mailbox.receive(1, { ...partial, ...moment });
  expect(() => mailbox.receive(1, { ...partial, ...moment })).toThrow(/ahead of generation/);
  mailbox.receive(2, { ...partial, ...moment });
  mailbox.forget(1);
  mailbox.receive(1, { ...partial, ...moment });
  expect(mailbox.takeNumRefused()).toBe(0);
});

test("an honest peer's frames of a whole exchange fit into the mailbox", async () => {
  const exchange = await workerZero();
  const { mailbox } = openMailbox();
  const later = { generation: 3, step: 8 };
  mailbox.open(exchange);
  mailbox.receive(1, { ...partial, ...later });
  for (const offset of [32, 64]) mailbox.receive(1, { ...sum, ...later, offset });
  expect(mailbox.takeNumRefused()).toBe(0);
});
