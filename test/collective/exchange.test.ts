import { describe, expect, test } from "vitest";
import { defined } from "../../src/base/assert.ts";
import { floatsToBytes } from "../../src/base/bytes.ts";
import { digestOf } from "../../src/base/digest.ts";
import { seededRandom } from "../../src/base/random.ts";
import { Exchange } from "../../src/collective/exchange.ts";
import { memoryLinks } from "../memory-link.ts";
import { hasSharedMemory } from "../transport/slot-folder-here.ts";
import { type SocketPair, slotPair, socketPair } from "../transport/socket-pair.ts";
import {
  compute,
  type FleetOptions,
  type Member,
  makeFleet,
  planOf,
  type Topology,
} from "./fleet.ts";
import { plainKernels } from "./plain-kernels.ts";
import { VirtualNetwork } from "./virtual-network.ts";

const topologies: readonly Topology[] = ["mesh", "star"];

/** Leaves whose sum depends on the order of every single addition. */
function badlyRoundingLeaves(numLeaves: number, vectorLength: number): readonly Float32Array[] {
  const random = seededRandom(numLeaves, vectorLength);
  return Array.from({ length: numLeaves }, () =>
    Float32Array.from(
      { length: vectorLength },
      () => random.normal() * 10 ** (16 * random.uniform() - 8),
    ),
  );
}

/** The definition: f32 sums down the tree of halves, the left half the larger; written out anew. */
function treeSum(leaves: readonly Float32Array[]): Float32Array {
  const [only] = leaves;
  if (leaves.length === 1 && only !== undefined) return only;
  const numLeft = Math.ceil(leaves.length / 2);
  const left = treeSum(leaves.slice(0, numLeft));
  const right = treeSum(leaves.slice(numLeft));
  return left.map((value, i) => value + (right[i] ?? 0));
}

function virtualFleet(
  network: VirtualNetwork,
  fleet: Omit<FleetOptions, "connect">,
): Promise<readonly Member[]> {
  return makeFleet({
    defer: (action) => network.post(action),
    ...fleet,
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
}

async function expectSums(members: readonly Member[], sum: Float32Array): Promise<void> {
  for (const member of members) {
    expect(member.exchange.waits()).toEqual([]);
    expect(await member.exchange.done).toBe("complete");
    expect(digestOf(member.sum)).toBe(digestOf(sum));
  }
}

test("leaves that round so badly have another sum in another order", () => {
  const leaves = badlyRoundingLeaves(5, 203);
  const sum = new Float32Array(203);
  for (const leaf of leaves) plainKernels.add(sum, leaf);
  expect(digestOf(sum)).not.toBe(digestOf(treeSum(leaves)));
});

describe.each(topologies)("an exchange in a %s", (topology) => {
  const cases = [1, 2, 3, 4, 5, 6, 7, 8].flatMap((numWorkers) =>
    // 1 and 2: fewer leaves than workers; 5, 12, 13: no powers of two; 8, 16: single nodes.
    [1, 2, 5, 8, 12, 13, 16].map((numLeaves) => [numWorkers, numLeaves] as const),
  );

  test.each(cases)("gives %i workers the bits of the tree over %i leaves", async (...numbers) => {
    const [numWorkers, numLeaves] = numbers;
    const leaves = badlyRoundingLeaves(numLeaves, 203);
    const network = new VirtualNetwork(1000 * numWorkers + numLeaves);
    const fleet = { topology, numWorkers, numLeaves, vectorLength: 203 };
    const members = await virtualFleet(network, fleet);
    for (const member of members) compute(member, leaves, (rest) => network.post(rest));
    await network.run();
    await expectSums(members, treeSum(leaves));
  });

  test("gives the same bits for a vector shorter than the fleet", async () => {
    const leaves = badlyRoundingLeaves(6, 2);
    const network = new VirtualNetwork(5);
    const members = await virtualFleet(network, {
      ...{ topology, numWorkers: 4, numLeaves: 6, vectorLength: 2 },
    });
    for (const member of members) compute(member, leaves);
    await network.run();
    await expectSums(members, treeSum(leaves));
  });

  test.each([
    ["over sockets", 2, 8],
    ["over sockets", 3, 5],
    // More workers than leaves: worker 2 has none, and owns chunks all the same.
    ["over sockets", 3, 2],
    ...(hasSharedMemory ? ([["through memory", 3, 5]] as const) : []),
  ] as const)("%s, gives %i workers the bits of %i leaves", async (path, numWorkers, numLeaves) => {
    // Two large chunks or more.
    const vectorLength = 300_001;
    const leaves = badlyRoundingLeaves(numLeaves, vectorLength);
    const pairs: SocketPair[] = [];
    const members = await makeFleet({
      ...{ topology, numWorkers, numLeaves, vectorLength },
      async connect(a, b) {
        const pair = await (path === "over sockets" ? socketPair() : slotPair());
        pairs.push(pair);
        return new Map([
          [a, pair.near],
          [b, pair.far],
        ]);
      },
    });
    for (const member of members) compute(member, leaves, (rest) => void setImmediate(rest));
    await Promise.all(members.map((member) => member.exchange.done));
    await expectSums(members, treeSum(leaves));
    await Promise.all(pairs.map((pair) => pair[Symbol.asyncDispose]()));
  });
});

test("a fleet of one sends nothing", async () => {
  const network = new VirtualNetwork(1);
  const leaves = badlyRoundingLeaves(5, 40);
  const members = await virtualFleet(network, {
    ...{ topology: "mesh", numWorkers: 1, numLeaves: 5, vectorLength: 40 },
  });
  for (const member of members) compute(member, leaves);
  expect(network.numPending).toBe(0);
  await expectSums(members, treeSum(leaves));
});

test("an exchange leaves the partials as they were", async () => {
  const network = new VirtualNetwork(2);
  const members = await virtualFleet(network, {
    ...{ topology: "mesh", numWorkers: 3, numLeaves: 3, vectorLength: 60 },
  });
  const partials = badlyRoundingLeaves(3, 60);
  const before = partials.map(digestOf);
  members.forEach(({ exchange }, i) => {
    exchange.addPartial({ lo: i, hi: i + 1 }, defined(partials[i], "partial"));
  });
  await network.run();
  await expectSums(members, treeSum(partials));
  expect(partials.map(digestOf)).toEqual(before);
});

test("an exchange sends what others wait for first, then sums one chunk a turn", async () => {
  const network = new VirtualNetwork(6);
  const deferred: (() => void)[] = [];
  const vectorLength = 1_200_000;
  const members = await virtualFleet(network, {
    ...{ topology: "mesh", numWorkers: 2, numLeaves: 2, vectorLength },
    defer: (action) => void deferred.push(action),
  });
  const [early, late] = members.map(({ exchange }) => exchange);
  const leaves = badlyRoundingLeaves(2, vectorLength);
  early?.addPartial({ lo: 0, hi: 1 }, defined(leaves[0], "a leaf"));
  await network.run();
  late?.addPartial({ lo: 1, hi: 2 }, defined(leaves[1], "a leaf"));
  // Whole chunks wait; partials have left.
  const numOwn = defined(late, "exchange").plan.chunks.filter(({ owner }) => owner === 1).length;
  expect(numOwn).toBeGreaterThan(1);
  expect(network.numPending).toBeGreaterThan(0);
  expect(late?.waits()).toEqual([
    { peerId: 0, what: expect.stringMatching(/^to send chunk 1\/\d and \d more$/) },
    { peerId: 0, what: expect.stringMatching(/^to take \d frames$/) },
  ]);
  let numTurns = 0;
  for (let turn = deferred.shift(); turn !== undefined; turn = deferred.shift()) {
    expect(deferred).toEqual([]);
    turn();
    numTurns++;
  }
  expect(numTurns).toBe(numOwn);
  await network.run();
  await expectSums(members, treeSum(leaves));
});

test("the only partial of others is taken out of the link's memory as it comes", async () => {
  const [sum, scratch] = [new Float32Array(64), new Float32Array(64)];
  const plan = planOf({ topology: "mesh", numWorkers: 2, numLeaves: 2, vectorLength: 64 });
  const [near] = memoryLinks();
  const links = new Map([[1, near]]);
  const exchange = new Exchange({ plan, selfId: 0, links, sum, scratch, kernels: plainKernels });
  const { offset, length } = defined(plan.chunks[0], "a chunk");
  let numCopies = 0;
  const unread = {
    byteLength: 4 * length,
    copyTo(target: Uint8Array) {
      numCopies++;
      target.set(floatsToBytes(new Float32Array(length).fill(3)));
    },
  };
  const frame = { kind: "partial", vector: 0, lo: 1, hi: 2, offset, elements: "f32" } as const;
  const { generation, step } = plan;
  exchange.receive(1, { ...frame, generation, step, unread, payload: new Uint8Array() });
  expect(numCopies).toBe(1);
  exchange.addPartial({ lo: 0, hi: 1 }, new Float32Array(64).fill(4));
  expect(numCopies).toBe(1);
  expect(sum.subarray(offset, offset + length)).toEqual(new Float32Array(length).fill(7));
});

test("an exchange names whom it waits for, and for what", async () => {
  const network = new VirtualNetwork(3);
  const members = await virtualFleet(network, {
    ...{ topology: "mesh", numWorkers: 3, numLeaves: 4, vectorLength: 96 },
  });
  const [first, second, third] = members;
  const leaves = badlyRoundingLeaves(4, 96);
  expect(first?.exchange.waits()).toEqual([
    { peerId: 1, what: "to send leaves [2, 3) of chunk 1/3 and 1 more" },
    { peerId: 2, what: "to send leaves [3, 4) of chunk 1/3 and 1 more" },
  ]);
  for (const member of [first, second]) if (member !== undefined) compute(member, leaves);
  await network.run();
  expect(first?.exchange.waits()).toEqual([
    { peerId: 1, what: "to send chunk 2/3" },
    { peerId: 2, what: "to send leaves [3, 4) of chunk 1/3 and 1 more" },
  ]);
  compute(defined(third, "the third worker"), leaves);
  await network.run();
  await expectSums(members, treeSum(leaves));
});

test("an aborted exchange sends and takes nothing more", async () => {
  const network = new VirtualNetwork(4);
  const members = await virtualFleet(network, {
    ...{ topology: "mesh", numWorkers: 2, numLeaves: 2, vectorLength: 64 },
  });
  const [first, second] = members;
  const leaves = badlyRoundingLeaves(2, 64);
  compute(defined(first, "the first worker"), leaves);
  const aborted = first?.exchange.abort();
  compute(defined(second, "the second worker"), leaves);
  await network.run();
  await aborted;
  expect(await first?.exchange.done).toBe("aborted");
  expect(first?.exchange.waits()).toEqual([]);
  expect(first?.sum.every(Number.isNaN)).toBe(true);
  expect(second?.exchange.waits()).toEqual([{ peerId: 0, what: "to send chunk 1/2" }]);
});
