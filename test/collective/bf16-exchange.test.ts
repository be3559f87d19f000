import { describe, expect, test } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { seededRandom } from "../../src/base/random.ts";
import { hasSharedMemory } from "../transport/slot-folder-here.ts";
import { type SocketPair, slotPair, socketPair } from "../transport/socket-pair.ts";
import { compute, type Member, makeFleet, type Topology } from "./fleet.ts";
import { VirtualNetwork } from "./virtual-network.ts";

const topologies: readonly Topology[] = ["mesh", "star"];

/** Half a unit in the last place of bf16, which has 8 significant bits. */
const HALF_UNIT = 2 ** -8;

function randomLeaves(numLeaves: number, vectorLength: number): readonly Float32Array[] {
  const random = seededRandom(numLeaves, vectorLength);
  return Array.from({ length: numLeaves }, () =>
    Float32Array.from({ length: vectorLength }, () => random.normal()),
  );
}

/**
 * All members hold the same bits, no element is further from the exact sum than the roundings of its
 * partials and of the sum allow, and the last element, the loss, is as exact as f32.
 */
async function expectSums(
  members: readonly Member[],
  leaves: readonly Float32Array[],
): Promise<void> {
  for (const { exchange } of members) expect(await exchange.done).toBe("complete");
  const sums = members.map(({ sum }) => sum);
  const [first] = sums;
  expect(new Set(sums.map(digestOf)).size).toBe(1);
  let worst = 0;
  first?.forEach((value, i) => {
    const values = leaves.map((leaf) => leaf[i] ?? Number.NaN);
    const exact = values.reduce((sum, each) => sum + each, 0);
    const size = values.reduce((sum, each) => sum + Math.abs(each), 0);
    const unit = i === first.length - 1 ? 2 ** -22 : 2.1 * HALF_UNIT;
    worst = Math.max(worst, Math.abs(value - exact) / (size * unit));
  });
  expect(worst).toBeLessThan(1);
}

describe.each(topologies)("a bf16 exchange in a %s", (topology) => {
  const cases = [1, 2, 3, 4, 7].flatMap((numWorkers) =>
    [1, 2, 5, 8].map((numLeaves) => [numWorkers, numLeaves] as const),
  );

  test.each(cases)("gives %i workers one sum of %i leaves", async (numWorkers, numLeaves) => {
    const vectorLength = 203;
    const leaves = randomLeaves(numLeaves, vectorLength);
    const network = new VirtualNetwork(100 * numWorkers + numLeaves);
    const members = await makeFleet({
      ...{ topology, numWorkers, numLeaves, vectorLength, wire: "bf16" },
      defer: (action) => network.post(action),
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
    for (const member of members) compute(member, leaves, (rest) => network.post(rest));
    await network.run();
    await expectSums(members, leaves);
  });

  const paths = [
    ["over sockets", socketPair],
    ...(hasSharedMemory ? ([["through memory", slotPair]] as const) : []),
  ] as const;
  test.each(paths)("gives three workers one sum %s", async (_name, connect) => {
    // Two large chunks or more.
    const vectorLength = 300_001;
    const leaves = randomLeaves(5, vectorLength);
    const pairs: SocketPair[] = [];
    const members = await makeFleet({
      ...{ topology, numWorkers: 3, numLeaves: 5, vectorLength, wire: "bf16" },
      async connect(a, b) {
        const pair = await connect();
        pairs.push(pair);
        return new Map([
          [a, pair.near],
          [b, pair.far],
        ]);
      },
    });
    for (const member of members) compute(member, leaves, (rest) => void setImmediate(rest));
    await expectSums(members, leaves);
    await Promise.all(pairs.map((pair) => pair[Symbol.asyncDispose]()));
  });
});

test("a bf16 wire carries half the bytes, and the loss", async () => {
  const network = new VirtualNetwork(1);
  let numBytes = 0;
  const members = await makeFleet({
    ...{ topology: "mesh", numWorkers: 2, numLeaves: 2, vectorLength: 1001, wire: "bf16" },
    connect(a, b) {
      const [endOfA, endOfB] = network.link(["near", "far"]);
      const send = endOfB.sendTensor.bind(endOfB);
      endOfB.sendTensor = (frame) => {
        numBytes += frame.payload.byteLength;
        return send(frame);
      };
      return Promise.resolve(
        new Map([
          [a, endOfA],
          [b, endOfB],
        ]),
      );
    },
  });
  for (const member of members) compute(member, randomLeaves(2, 1001));
  await network.run();
  // Half of 1000 elements as a partial, the other half as a sum, and the loss as a partial.
  expect(numBytes).toBe(2 * 1000 + 4);
});
