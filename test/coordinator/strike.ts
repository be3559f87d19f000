import type { Random } from "../../src/base/random.ts";
import type { Faults } from "./simulated-faults.ts";
import type { SimulatedWorker } from "./simulated-worker.ts";
import type { Simulation } from "./simulation.ts";

/** Does to a run what chance decides, before an event. */
export function strike(run: Simulation, random: Random, faults: Faults): void {
  const { kill, freeze, join, thaw = 0, crash = 0, fullDisk = 0 } = faults;
  if (fullDisk > 0 && random.uniform() < fullDisk) {
    run.count("fullDisk");
    run.fillDisk();
  }
  if (!run.isDown && random.uniform() < crash) run.killCoordinator();
  if (!run.isDown) strikeLink(run, random, faults);
  strikePeerLink(run, random, faults);
  if (thaw > 0 && random.uniform() < thaw) thawOne(run, random);
  const chance = random.uniform();
  const victim = anyOf(random, run.living);
  if (chance < kill && victim !== undefined) {
    run.count("kill");
    run.kill(victim);
  } else if (chance < kill + freeze && victim !== undefined) {
    run.count("freeze");
    victim.isFrozen = true;
  } else if (chance < kill + freeze + join && run.living.length < 6 && !run.isDown) {
    run.count("join");
    run.join();
  }
}

function strikeLink(run: Simulation, random: Random, faults: Faults): void {
  const { cut = 0, halfOpen = 0, delay = 0, duplicate = 0 } = faults;
  if (cut + halfOpen + delay + duplicate === 0) return;
  const victim = anyOf(
    random,
    run.living.filter((worker) => !worker.isOrphan),
  );
  const chance = random.uniform();
  if (victim === undefined) return;
  if (chance < cut) {
    run.count("cut");
    run.cutLink(victim);
  } else if (chance < cut + halfOpen) {
    run.count("halfOpen");
    run.halfOpenLink(victim);
  } else if (chance < cut + halfOpen + delay) {
    run.count("delay");
    run.holdLink(victim);
  } else if (chance < cut + halfOpen + delay + duplicate) hearTwice(run, victim);
}

/** A link between two workers is gone, and nothing else is the matter with either. */
function strikePeerLink(run: Simulation, random: Random, faults: Faults): void {
  const { peerCut = 0, peerHalfOpen = 0 } = faults;
  if (peerCut + peerHalfOpen === 0) return;
  const chance = random.uniform();
  if (chance < peerCut) {
    if (run.breakPeerLink("cut")) run.count("peerCut");
  } else if (chance < peerCut + peerHalfOpen) {
    if (run.breakPeerLink("halfOpen")) run.count("peerHalfOpen");
  }
}

function thawOne(run: Simulation, random: Random): void {
  const frozen = [...run.workers.values()].filter((one) => one.isFrozen && !one.isGhost);
  const one = anyOf(
    random,
    frozen.filter(({ isGone }) => !isGone),
  );
  if (one === undefined) return;
  run.count("thaw");
  run.thaw(one);
}

/** What it says next is heard twice: nothing may come of the second time. */
function hearTwice(run: Simulation, victim: SimulatedWorker): void {
  const next = victim.outbox[0];
  // What the shell turns into events by itself, with its own memory of what was asked, comes once.
  if (next === undefined || ["sum", "snapshot", "partials"].includes(next.type)) return;
  run.count("duplicate");
  victim.outbox.unshift(next);
}

/** One of some, by chance. */
export function anyOf<T>(random: Random, some: readonly T[]): T | undefined {
  return some[Math.floor(random.uniform() * some.length)];
}
