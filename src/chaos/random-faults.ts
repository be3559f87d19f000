import { defined } from "../base/assert.ts";
import { type Random, seededRandom } from "../base/random.ts";
import type { Fault, Party } from "./chaos-plan.ts";

/** What a stream of random faults depends on, and nothing else. */
export interface RandomFaultOptions {
  readonly seed: number;
  /** Mean. */
  readonly perMinute: number;
  readonly numWorkers: number;
  /** Whether workers have links to one another that can be broken. */
  readonly hasPeerLinks: boolean;
}

/** A fault and the time from the one before it. */
export interface TimedFault {
  readonly afterMs: number;
  readonly fault: Fault;
}

/** Parts in a hundred. */
const WEIGHTS: readonly (readonly [Fault["kind"] | "coordinator", number])[] = [
  ["kill", 35],
  ["exit", 10],
  ["freeze", 15],
  ["cut", 15],
  ["half-open", 10],
  ["coordinator", 15],
];

/** A frozen process comes back after up to so many ms: some before they are missed, some after. */
const FREEZE_MS_MAX = 15_000;

/** Faults without end, at times as of independent accidents (exponentially distributed). */
export function* randomFaults(options: RandomFaultOptions): Generator<TimedFault, never> {
  const random = seededRandom(options.seed, 0xc4a05);
  const meanMs = 60_000 / options.perMinute;
  for (;;) {
    const afterMs = Math.round(-Math.log(1 - random.uniform()) * meanMs);
    yield { afterMs, fault: draw(random, options) };
  }
}

function draw(random: Random, { numWorkers, hasPeerLinks }: RandomFaultOptions): Fault {
  const kind = drawKind(random);
  const victim = indexBelow(random, numWorkers);
  switch (kind) {
    case "coordinator":
      return { kind: "kill", victim: "coordinator" };
    case "kill":
    case "exit":
      return { kind, victim };
    case "freeze":
      return { kind, victim, forMs: 500 + indexBelow(random, FREEZE_MS_MAX) };
    case "cut":
    case "half-open":
      return { kind, victim, peer: drawPeer(random, hasPeerLinks ? numWorkers : 1, victim) };
  }
}

function drawKind(random: Random): Fault["kind"] | "coordinator" {
  let rest = random.uniform() * 100;
  for (const [kind, weight] of WEIGHTS) {
    if (rest < weight) return kind;
    rest -= weight;
  }
  return "kill";
}

/** Any other party, the coordinator as often as each worker. */
function drawPeer(random: Random, numWorkers: number, victim: number): Party {
  const others: Party[] = ["coordinator"];
  for (let worker = 0; worker < numWorkers; worker++) if (worker !== victim) others.push(worker);
  if (numWorkers === 1) return "coordinator";
  return defined(others[indexBelow(random, others.length)], "a party");
}

function indexBelow(random: Random, count: number): number {
  return Math.floor(random.uniform() * count);
}
