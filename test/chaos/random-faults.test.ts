import { expect, test } from "vitest";
import {
  type RandomFaultOptions,
  randomFaults,
  type TimedFault,
} from "../../src/chaos/random-faults.ts";

const OPTIONS: RandomFaultOptions = { seed: 3, perMinute: 6, numWorkers: 4, hasPeerLinks: true };

function first(count: number, options: RandomFaultOptions): readonly TimedFault[] {
  const faults = randomFaults(options);
  return Array.from({ length: count }, () => faults.next().value);
}

test("draws the same faults for the same seed, and others for another", () => {
  expect(first(50, OPTIONS)).toEqual(first(50, OPTIONS));
  expect(first(50, OPTIONS)).not.toEqual(first(50, { ...OPTIONS, seed: 4 }));
});

test("keeps the mean rate and draws every kind against every party", () => {
  const faults = first(4000, OPTIONS);
  const meanMs = faults.reduce((sum, { afterMs }) => sum + afterMs, 0) / faults.length;
  expect(meanMs).toBeGreaterThan(9500);
  expect(meanMs).toBeLessThan(10_500);
  const kinds = new Set(faults.map(({ fault }) => `${fault.kind} ${fault.victim}`));
  const workers = [0, 1, 2, 3];
  const expected = ["kill", "exit", "freeze", "cut", "half-open"].flatMap((kind) =>
    workers.map((worker) => `${kind} ${worker}`),
  );
  expect([...kinds].sort()).toEqual([...expected, "kill coordinator"].sort());
  for (const { fault } of faults) {
    if ("peer" in fault) expect(fault.peer).not.toBe(fault.victim);
  }
});

test("breaks no links between workers where there are none", () => {
  const peers = first(500, { ...OPTIONS, hasPeerLinks: false }).flatMap(({ fault }) =>
    "peer" in fault ? [fault.peer] : [],
  );
  expect(new Set(peers)).toEqual(new Set(["coordinator"]));
});
