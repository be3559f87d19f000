import { describe, expect, test } from "vitest";
import { defined } from "../../src/base/assert.ts";
import { seededRandom } from "../../src/base/random.ts";
import type { RunEffect } from "../../src/coordinator/run-effects.ts";
import { statusOf } from "../../src/coordinator/run-status.ts";
import { isTrusted } from "../../src/coordinator/snapshot.ts";
import { medianStepMs } from "../../src/coordinator/waits.ts";
import { PROTOCOL_VERSION } from "../../src/protocol/messages.ts";
import { CALM } from "./simulated-faults.ts";
import type { SimulatedWorker } from "./simulated-worker.ts";
import { Simulation, SMALL_PLAN } from "./simulation.ts";

/** A run with three workers, none of which is prepared yet. */
function threeWorkers(plan = SMALL_PLAN): {
  readonly run: Simulation;
  readonly workers: readonly SimulatedWorker[];
} {
  const run = new Simulation(seededRandom(3), plan);
  return { run, workers: [run.join(), run.join(), run.join()] };
}

/** The same at a step in the middle, with three members. */
function inTheMiddle() {
  const { run, workers } = threeWorkers();
  run.runUntil(() => run.state.step >= 6 && run.state.members.length === 3);
  return { run, workers, step: run.state.step };
}

/** Two members of which one has other parameters, some steps after a checkpoint. */
function dividedPair() {
  const run = new Simulation(seededRandom(4));
  const workers = [run.join(), run.join()];
  run.runUntil(() => run.state.step === 6);
  defined(workers[0], "a worker").parameters += 1;
  return { run, workers };
}

const dropsOf = ({ effects }: Simulation) =>
  effects.flatMap((effect) => (effect.type === "drop" ? [effect] : []));

const recordsOf = ({ effects }: Simulation, type: string) =>
  effects.flatMap((effect) =>
    effect.type === "record" && effect.record.type === type ? [effect.record] : [],
  );

const undisturbedDigest = String(Simulation.parametersAfter(SMALL_PLAN.steps));

/** Replaces what a worker says of one type, now and later. */
function lie(
  worker: SimulatedWorker,
  type: string,
  changes: Record<string, unknown>,
  isMeant: (said: { readonly step?: number }) => boolean = () => true,
): void {
  const push = worker.outbox.push.bind(worker.outbox);
  worker.outbox.push = (...sayings) =>
    push(
      ...sayings.map((one) =>
        one.type === type && isMeant(one as { step?: number })
          ? Object.assign({ ...one }, changes)
          : one,
      ),
    );
}

describe("a worker that does not fit", () => {
  test("is refused when it speaks another protocol, with a remedy", () => {
    const { run } = threeWorkers();
    const hello = { type: "hello", protocolVersion: 999, name: "old/1" } as const;
    const rest = { packageVersion: "0.0.1", peerPort: 1 };
    run.dispatch({ type: "hello", workerId: 9, hello: { ...hello, ...rest }, host: "::1" });
    const [drop] = dropsOf(run);
    expect(drop?.reject.code).toBe("ERR_PROTOCOL_VERSION");
    expect(drop?.reject.message).toMatch(/protocol 999 \(smallinit 0\.0\.1\).*same version/);
    expect(run.runToEnd().status).toBe("completed");
  });

  test("is refused in a mesh when peers cannot reach it", () => {
    const { run } = threeWorkers();
    const hello = {
      type: "hello",
      protocolVersion: PROTOCOL_VERSION,
      name: "shy/1",
      packageVersion: "0",
    } as const;
    run.dispatch({ type: "hello", workerId: 9, hello: { ...hello, peerPort: 0 }, host: "::1" });
    expect(dropsOf(run)[0]?.reject.code).toBe("ERR_PEER_PORT");
  });

  test.each([
    ["10.0.0.9", {}],
    ["::1", { peerHost: "host-b" }],
  ])("is refused in a mesh when it is elsewhere (%s, %j) and others on loopback", (host, place) => {
    const { run } = threeWorkers();
    const hello = { type: "hello", protocolVersion: PROTOCOL_VERSION, name: "far/1" } as const;
    const rest = { packageVersion: "0", peerPort: 1, ...place };
    run.dispatch({ type: "hello", workerId: 9, hello: { ...hello, ...rest }, host });
    const [drop] = dropsOf(run);
    expect(drop?.reject.code).toBe("ERR_PEER_PORT");
    expect(drop?.reject.message).toMatch(/came by the coordinator's loopback.* --advertise HOST/);
    expect(run.runToEnd().status).toBe("completed");
  });

  test.each([
    ["parameters", { digest: "other" }],
    ["layout", { layout: [{ name: "embed.weight", shape: [3, 3] }] }],
  ])("is out when it prepares other %s than the first", (_what, changes) => {
    const { run } = threeWorkers();
    run.runUntil(() => run.state.initialDigest !== undefined);
    const odd = run.join();
    lie(odd, "prepared", changes);
    run.runUntil(() => odd.isGone);
    const [drop] = dropsOf(run);
    expect([drop?.workerId, drop?.reject.code]).toEqual([odd.id, "ERR_REPLICA_DIVERGED"]);
    run.runToEnd();
    expect(run.state.agreed?.digest).toBe(undisturbedDigest);
  });
});

describe("members that disagree", () => {
  test("lose the one that has another loss, and repeat the step without it", () => {
    const { run, workers } = inTheMiddle();
    const odd = defined(workers[1], "a worker");
    odd.parameters += 1;
    expect(run.runToEnd().status).toBe("completed");
    expect(dropsOf(run).map(({ workerId }) => workerId)).toEqual([odd.id]);
    expect(run.state.agreed?.digest).toBe(undisturbedDigest);
  });

  test("lose the one that has another digest, whose snapshot never becomes a checkpoint", () => {
    const { run, workers } = inTheMiddle();
    const donor = defined(workers[0], "the donor of snapshots");
    lie(donor, "digest", { digest: "other" });
    lie(donor, "snapshot", { parameters: 13 });
    expect(run.runToEnd().status).toBe("completed");
    expect(dropsOf(run).map(({ workerId }) => workerId)).toEqual([donor.id]);
    expect(run.state.saved).toEqual({ step: 12, digest: undisturbedDigest });
  });

  test("are all taken out when there is no majority, and the checkpoint goes on with others", () => {
    const { run, workers } = dividedPair();
    run.runUntil(() => workers.every(({ isGone }) => isGone));
    expect(recordsOf(run, "undecided")).toMatchObject([{ workers: [0, 1] }]);
    run.join();
    run.join();
    expect(run.runToEnd()).toEqual({ status: "completed" });
    expect(dropsOf(run).map(({ workerId }) => workerId)).toEqual([0, 1]);
    expect(run.state.agreed?.digest).toBe(undisturbedDigest);
  });

  test("end the run when the next ones divide on the way to the next checkpoint, too", () => {
    const { run, workers } = dividedPair();
    run.runUntil(() => workers.every(({ isGone }) => isGone));
    const odd = run.join();
    run.join();
    run.runUntil(() => run.state.members.length === 2);
    expect(run.state.saved.step).toBe(5);
    odd.parameters += 1;
    const { status, error } = run.runToEnd();
    expect([status, error?.code]).toEqual(["failed", "ERR_REPLICA_DIVERGED"]);
    expect(error?.message).toMatch(/second time since the checkpoint of step 5/);
  });
});

describe("a gradient that is not finite", () => {
  test("skips the step for all, names the leaf, and keeps the loss before it", () => {
    const { run, workers, step } = inTheMiddle();
    const bad = step + 1;
    run.badSteps.add(bad);
    lie(defined(workers[1], "a worker"), "ready", { badLeaf: 3 }, (said) => said.step === bad);
    run.runUntil(() => run.state.step === bad + 1);
    expect(recordsOf(run, "not-finite")).toMatchObject([
      { step: bad, lossSum: "NaN", leaves: [{ workerId: 1, leaf: 3 }], skipped: true },
    ]);
    expect(Number.isFinite(run.state.trainLoss)).toBe(true);
    expect(run.runToEnd()).toEqual({ status: "completed" });
    expect(run.state.agreed?.digest).toBe(String(Simulation.parametersAfter(12, new Set([bad]))));
  });

  test("ends the run with a checkpoint when too many steps in a row have one", () => {
    const { run, step } = inTheMiddle();
    const skipped = new Set([step + 1, step + 2]);
    for (const bad of [...skipped, step + 3]) run.badSteps.add(bad);
    const { status, error } = run.runToEnd();
    expect([status, error?.code]).toEqual(["failed", "ERR_NOT_FINITE"]);
    expect(error?.message).toMatch(
      /^Step \d+ gave no finite gradient, after 2 skipped in a row \(loss sum NaN/,
    );
    expect(run.state.saved).toEqual({
      step: step + 3,
      digest: String(Simulation.parametersAfter(step + 3, skipped)),
    });
  });

  test("does not end a run that has some of them, each followed by a good one", () => {
    const { run } = threeWorkers();
    for (let step = 0; step < 12; step += 2) run.badSteps.add(step);
    expect(run.runToEnd()).toEqual({ status: "completed" });
  });
});

describe("a worker with another engine", () => {
  const other = { engine: "tensorflow", runtime: "TensorFlow 2.21" };

  test("is refused, with both engines named and what to do", () => {
    const { run } = threeWorkers();
    run.runUntil(() => run.state.fingerprint !== undefined);
    const odd = run.join();
    lie(odd, "prepared", other);
    run.runUntil(() => odd.isGone);
    const [drop] = dropsOf(run);
    expect([drop?.workerId, drop?.reject.code]).toEqual([odd.id, "ERR_FLEET_MIXED"]);
    expect(drop?.reject.message).toMatch(
      /computes with tensorflow \(TensorFlow 2.21\) on cpu, the others with tfjs \(simulated\) on cpu.*--mixed-engines/,
    );
    expect(run.runToEnd()).toEqual({ status: "completed" });
  });

  test("is taken when that is allowed, and another GPU of a host is no other engine", () => {
    const plan = { ...SMALL_PLAN, minWorkers: 4, allowsMixedEngines: true };
    const { run } = threeWorkers(plan);
    lie(run.join(), "prepared", other);
    expect(run.runToEnd()).toEqual({ status: "completed" });
    expect(dropsOf(run)).toEqual([]);
  });

  test.each([
    ["gpu:0", "gpu:3", true],
    ["gpu:0", "cpu", false],
  ])("compares devices by kind: %s and %s", (first, second, isTaken) => {
    const { run, workers } = threeWorkers();
    workers.forEach((worker, i) => {
      lie(worker, "prepared", { device: i === 0 ? first : second });
    });
    run.runUntil(() =>
      [...run.state.workers.values()].every(({ standing }) => standing.type !== "preparing"),
    );
    expect(dropsOf(run).length === 0).toBe(isTaken);
  });
});

describe("a stop", () => {
  test("keeps the state of the current step, whatever is under way", () => {
    for (let seed = 0; seed < 100; seed++) {
      const run = new Simulation(seededRandom(seed));
      for (let i = 0; i < 3; i++) run.join();
      const numEvents = 40 + seed;
      for (let i = 0; i < numEvents && run.outcome === undefined; i++) run.stepOnce(CALM, i);
      if (run.outcome !== undefined) continue;
      const { step } = run.state;
      run.dispatch({ type: "stop" });
      expect(run.runToEnd(), `seed ${seed}`).toEqual({ status: "interrupted" });
      expect(run.state.saved.step, `seed ${seed}`).toBe(step);
      expect(run.state.step, `seed ${seed}`).toBe(step);
    }
  });

  test("ends at once while nobody has come", () => {
    const run = new Simulation(seededRandom(1));
    run.dispatch({ type: "stop" });
    expect(run.outcome).toEqual({ status: "interrupted" });
  });
});

test("checkpoints are written in time by a run that is never evaluated, and pause nobody", () => {
  const plan = { ...SMALL_PLAN, steps: 40, evaluateEvery: 0, numEvaluationBatches: 0 };
  const { run } = threeWorkers(plan);
  run.runUntil(() => run.state.hasBegun);
  run.runUntil(() => {
    expect(run.state.step === plan.steps || run.state.phase.type !== "saving").toBe(true);
    return run.outcome !== undefined;
  });
  const saves = run.effects.flatMap((effect) => (effect.type === "save" ? [effect.facts] : []));
  const steps = saves.map(({ step }) => step);
  const periods = steps.map((step) => Math.floor(step / plan.checkpointEvery));
  expect(new Set(periods).size).toBe(periods.length);
  expect(periods).toHaveLength(8);
  const losses = run.metrics.flatMap((row) => ("loss" in row ? [row.loss] : []));
  // Each says the loss of its own step, though later steps were done while it travelled.
  expect(saves.map(({ trainLoss }) => trainLoss)).toEqual(steps.map((step) => losses[step - 1]));
});

describe("a checkpoint that cannot be written", () => {
  const failed = { type: "save-failed", code: "ERR_WRITE", message: "disk full" } as const;

  test("ends nothing while the run goes on", () => {
    const { run } = threeWorkers();
    run.runUntil(() => run.state.saving !== undefined && run.state.step < 12);
    run.failSave("disk full");
    run.runToEnd();
    expect(run.outcome).toEqual({ status: "completed" });
    expect(run.state.saved.step).toBe(12);
  });

  test("is tried again when the run ends with it, which is named, until there is room", () => {
    const { run } = threeWorkers();
    run.runUntil(() => run.state.saving?.step === 12);
    run.failSave("disk full");
    const beganMs = run.nowMs;
    run.passTime(5000);
    expect(statusOf(run.state, run.nowMs).waitingFor).toBe(
      "step 12: waiting 5.0 s for the disk to take the last checkpoint: disk full",
    );
    expect([run.state.saving, run.state.members.length]).toEqual([undefined, 3]);
    run.passTime(5000);
    expect(run.state.saving).toMatchObject({ step: 12, sinceMs: beganMs + 10_000 });
    expect(run.runToEnd()).toEqual({ status: "completed" });
    expect(run.state.saved).toEqual({ step: 12, digest: undisturbedDigest });
    expect(recordsOf(run, "checkpoint-failed")).toHaveLength(1);
  });

  test("fails the run that ends with it when there is no room for ten minutes", () => {
    const { run } = threeWorkers();
    run.runUntil(() => run.state.saving?.step === 12);
    run.failSave("disk full");
    const beganMs = run.nowMs;
    let numTries = 1;
    while (run.outcome === undefined) {
      if (run.state.saving !== undefined) {
        run.failSave("disk full");
        numTries++;
      } else run.passTime(10_000);
    }
    expect(run.outcome).toEqual({
      status: "failed",
      error: { code: failed.code, message: failed.message },
    });
    expect([run.nowMs - beganMs, numTries]).toEqual([600_000, 60]);
    expect(run.state.members).toHaveLength(3);
    expect(recordsOf(run, "checkpoint-failed")).toHaveLength(1);
  });

  test("is tried again before a run that was told to stop ends", () => {
    const { run, step } = inTheMiddle();
    run.dispatch({ type: "stop" });
    run.runUntil(() => run.state.saving?.step === step);
    run.failSave("disk full");
    run.passTime(10_000);
    expect(run.runToEnd()).toEqual({ status: "interrupted" });
    expect(run.state.saved.step).toBe(step);
  });

  test("is tried again by a run that is told to stop in the step of that checkpoint", () => {
    const { run } = threeWorkers({ ...SMALL_PLAN, evaluateEvery: 5 });
    run.runUntil(() => run.state.saving?.step === run.state.step);
    const { step } = run.state;
    expect(step).toBeLessThan(12);
    run.failSave("disk full");
    run.dispatch({ type: "stop" });
    run.passTime(10_000);
    expect(run.runToEnd()).toEqual({ status: "interrupted" });
    expect(run.state.saved.step).toBe(step);
  });

  test("is tried again when it was the last, even if all workers are lost meanwhile", () => {
    const { run, workers } = threeWorkers();
    run.runUntil(() => run.state.saving?.step === 12);
    run.failSave("disk full");
    for (const worker of workers) run.kill(worker);
    run.runUntil(() => run.state.saved.step === 12);
    run.join();
    expect(run.runToEnd()).toEqual({ status: "completed" });
    expect(recordsOf(run, "rewind")).toEqual([]);
  });
});

describe("a checkpoint that the disk does not come to an end with", () => {
  /** A run whose save in the middle was given up, and goes on. */
  function givenUp() {
    // Shorter than the others, so that nobody else is late.
    const limits = { ...SMALL_PLAN.limits, saveMsMin: 50_000 };
    const { run } = threeWorkers({ ...SMALL_PLAN, limits });
    run.runUntil(() => run.state.saving !== undefined);
    const { step } = defined(run.state.saving, "a save");
    run.isDiskStuck = true;
    run.passTime(limits.saveMsMin + 1000);
    expect(run.state.failedSave).toMatchObject({ step, code: "ERR_DEADLINE" });
    return { run, step };
  }
  const savesAfter = ({ effects }: Simulation, step: number) =>
    effects.filter((effect) => effect.type === "save" && effect.step > step);

  test("is given up, and no second one begun before it has ended", () => {
    const { run, step } = givenUp();
    run.runUntil(() => {
      const { phase, snapshot } = run.state;
      const isHere = snapshot?.step === 12 && snapshot.digest !== undefined;
      return phase.type === "saving" && isHere && isTrusted(run.state, 12);
    });
    expect(savesAfter(run, step)).toEqual([]);
    expect(statusOf(run.state, run.nowMs + 40_000).waitingFor).toMatch(
      /for the disk to be done with the checkpoint of step \d+, which was given up/,
    );
    run.isDiskStuck = false;
    run.finishSave();
    expect(run.runToEnd()).toEqual({ status: "completed" });
    expect(run.state.saved.step).toBe(12);
    expect(savesAfter(run, step)).toHaveLength(1);
  });

  test("fails the run that cannot end before", () => {
    const { run, step } = givenUp();
    run.runUntil(() => run.state.phase.type === "saving");
    expect(run.runToEnd().error?.code).toBe("ERR_DEADLINE");
    expect(savesAfter(run, step)).toEqual([]);
  });

  test("counts when it comes to its end after all", () => {
    const { run, step } = givenUp();
    run.finishSave();
    expect(run.state).toMatchObject({ saved: { step }, failedSave: undefined });
  });
});

test("a damaged checkpoint is passed over for the one before when the run has to go back to it", () => {
  const { run, workers } = threeWorkers({ ...SMALL_PLAN, checkpointEvery: 3 });
  run.runUntil(() => run.state.saved.step >= 6 && run.state.saving === undefined);
  const damagedStep = run.state.saved.step;
  run.damagedSteps.add(damagedStep);
  for (const worker of workers) run.kill(worker);
  // A snapshot in memory would do as well as the file.
  run.runUntil(() => run.state.workers.size === 0);
  run.loseSnapshot();
  run.join();
  run.join();
  expect(run.runToEnd()).toEqual({ status: "completed" });
  expect(run.state.agreed?.digest).toBe(undisturbedDigest);
  expect(recordsOf(run, "checkpoint-damaged")).toEqual([
    {
      ...{ type: "checkpoint-damaged", step: damagedStep },
      ...{ code: "ERR_CHECKPOINT_DAMAGED", message: "altered" },
    },
  ]);
  const last = recordsOf(run, "rewind").at(-1);
  expect(last).toMatchObject({ from: damagedStep });
  expect(Number(last?.step)).toBeLessThan(damagedStep);
  const steps = run.metrics.flatMap((row) => ("loss" in row ? [row.step] : []));
  expect(steps).toEqual(Array.from({ length: SMALL_PLAN.steps }, (_, i) => i + 1));
});

describe("a deadline", () => {
  // Shorter than the others, so that the run is not over before.
  const limits = { ...SMALL_PLAN.limits, prepareMs: 60_000 };
  /** Who is late, what the run does until then, and what it calls it. */
  const CASES: readonly (readonly [string, (run: Simulation) => boolean, number, RegExp])[] = [
    ["to prepare", () => true, limits.prepareMs, /prepare its engine/],
    [
      "to compute",
      (run) => run.state.step === 6 && run.state.members.length === 3,
      limits.stepMsMin,
      /compute its leaves/,
    ],
    [
      "to evaluate",
      (run) => run.state.evaluation !== undefined,
      limits.evaluationMs,
      /evaluate batch/,
    ],
    [
      "to evaluate, though it did so before",
      ({ state: { evaluation, step } }) => step === 8 && evaluation !== undefined,
      limits.evaluationMsMin,
      /evaluate batch/,
    ],
    [
      "to give its snapshot",
      ({ state: { snapshot, step } }) => step === 12 && snapshot?.digest === undefined,
      limits.stateMsMin + limits.stepMsMin,
      /send its snapshot/,
    ],
  ];
  test.each(CASES)(
    "drops by name the worker that is late %s",
    (_name, isReached, limitMs, words) => {
      const { run, workers } = threeWorkers({ ...SMALL_PLAN, limits });
      run.runUntil(() => isReached(run));
      const late = defined(workers[0], "a worker");
      late.isStuck = true;
      const stuckMs = run.nowMs;
      let roundMs = 0;
      while (dropsOf(run).length === 0) {
        const startMs = run.nowMs;
        for (let i = 0; i < 10; i++) run.stepOnce(CALM, i);
        expect(run.outcome).toBeUndefined();
        // In pieces that nobody else's deadline is shorter than.
        run.passTime(Math.min(limitMs / 4, limits.stepMsMin / 3));
        roundMs = Math.max(roundMs, run.nowMs - startMs);
      }
      expect(run.nowMs - stuckMs).toBeLessThanOrEqual(limitMs + roundMs);
      const [drop] = dropsOf(run);
      expect([drop?.workerId, drop?.reject.code]).toEqual([0, "ERR_DEADLINE"]);
      expect(drop?.reject.message).toMatch(words);
      expect(run.runToEnd()).toEqual({ status: "completed" });
      expect(run.state.agreed?.digest).toBe(undisturbedDigest);
    },
  );

  test("ends the run when too few workers come, saying how many did", () => {
    const run = new Simulation(seededRandom(1));
    run.join();
    run.runUntil(() => run.state.initialDigest !== undefined);
    run.passTime(limits.gatherMs);
    expect(run.outcome?.error?.code).toBe("ERR_TOO_FEW_WORKERS");
    expect(run.outcome?.error?.message).toMatch(/2 worker\(s\) to be ready; 1 linked/);
  });

  test("ends the run when all workers are lost and nobody comes, naming what remains", () => {
    const { run, workers } = inTheMiddle();
    run.runUntil(() => run.state.saved.step > 0);
    for (const worker of workers) run.kill(worker);
    run.runUntil(() => run.state.members.length === 0 && run.state.saving === undefined);
    run.passTime(limits.gatherMs);
    expect(run.outcome?.error?.message).toMatch(
      /checkpoint of step \d+ remains; continue with resume/,
    );
  });
});

describe("a link that is lost between two members", () => {
  const accuse = (run: Simulation, workerId: number, peerId: number) => {
    const { generation } = run.state;
    const message = { type: "peer-lost", generation, peerId, reason: "connection lost" } as const;
    run.dispatch({ type: "message", workerId, message });
    run.passTime(SMALL_PLAN.limits.accusationMs);
  };

  test("is made again, also when the step under way was committed without it", () => {
    const { run, workers } = inTheMiddle();
    const { generation, step } = run.state;
    const peerId = workers[1]?.id ?? 1;
    const message = { type: "peer-lost", generation, peerId, reason: "connection lost" } as const;
    run.dispatch({ type: "message", workerId: workers[0]?.id ?? 0, message });
    run.runUntil(() => run.state.step > step);
    expect(run.state.generation).toBe(generation);
    run.passTime(SMALL_PLAN.limits.accusationMs);
    expect(run.state.generation).toBe(generation + 1);
    expect(run.runToEnd().status).toBe("completed");
  });

  const tell = (run: Simulation, workerId: number, peerId: number) => {
    const { generation } = run.state;
    const message = { type: "peer-lost", generation, peerId, reason: "connection lost" } as const;
    run.dispatch({ type: "message", workerId, message });
  };

  test("is made anew by the same members, as soon as the coordinator can have seen a death", () => {
    const { run } = inTheMiddle();
    const { generation } = run.state;
    tell(run, 0, 1);
    tell(run, 1, 0);
    run.passTime(SMALL_PLAN.limits.relinkMs - 1);
    expect(run.state.generation).toBe(generation);
    run.passTime(1);
    expect(run.state.members).toEqual([0, 1, 2]);
    expect(run.state.phase.type).toBe("linking");
    expect(run.runToEnd()).toEqual({ status: "completed" });
    expect(dropsOf(run)).toEqual([]);
  });

  test("is not made anew while the other end may still believe in it: a caller would not call", () => {
    const { run } = inTheMiddle();
    const { generation } = run.state;
    tell(run, 0, 1);
    run.passTime(SMALL_PLAN.limits.accusationMs - 1);
    expect(run.state.generation).toBe(generation);
    run.passTime(1);
    expect(run.state.phase.type).toBe("linking");
    expect(run.runToEnd()).toEqual({ status: "completed" });
    expect(dropsOf(run)).toEqual([]);
  });

  test("costs the member that most others blame, when it is lost again in the same step", () => {
    const { run } = inTheMiddle();
    accuse(run, 0, 1);
    const { generation } = run.state;
    const blame = (workerId: number, peerId: number) => {
      const message = { type: "peer-lost", generation, peerId, reason: "silent" } as const;
      run.dispatch({ type: "message", workerId, message });
    };
    blame(0, 1);
    blame(1, 2);
    blame(2, 1);
    run.passTime(SMALL_PLAN.limits.accusationMs);
    expect(dropsOf(run).map(({ workerId }) => workerId)).toEqual([1]);
    expect(run.runToEnd()).toEqual({ status: "completed" });
  });

  test("costs the member whose address leads nowhere, not the one that calls it", () => {
    const { run } = inTheMiddle();
    accuse(run, 1, 0);
    const { generation } = run.state;
    const reason = "no answer from 10.0.0.9:4000";
    const message = { type: "peer-lost", generation, peerId: 0, reason } as const;
    run.dispatch({ type: "message", workerId: 1, message });
    run.dispatch({ type: "message", workerId: 2, message: { type: "linked", generation } });
    run.passTime(SMALL_PLAN.limits.accusationMs);
    expect(dropsOf(run).map(({ workerId }) => workerId)).toEqual([0]);
    expect(dropsOf(run)[0]?.reject.message).toMatch(/no answer from 10\.0\.0\.9:4000/);
    expect(run.runToEnd()).toEqual({ status: "completed" });
  });

  test("costs the member that blames all others, not one of them", () => {
    const { run } = inTheMiddle();
    accuse(run, 2, 1);
    const { generation } = run.state;
    for (const peerId of [0, 1]) {
      const message = { type: "peer-lost", generation, peerId, reason: "no answer" } as const;
      run.dispatch({ type: "message", workerId: 2, message });
    }
    run.passTime(SMALL_PLAN.limits.accusationMs);
    expect(dropsOf(run).map(({ workerId }) => workerId)).toEqual([2]);
    expect(dropsOf(run)[0]?.reject.message).toMatch(
      /has no link to 2 of 2 other members: no answer/,
    );
    expect(run.runToEnd()).toEqual({ status: "completed" });
  });

  test("changes nothing when it belongs to a former generation", () => {
    const { run } = inTheMiddle();
    const message = { type: "peer-lost", generation: 0, peerId: 1, reason: "old" } as const;
    run.dispatch({ type: "message", workerId: 0, message });
    expect(run.state.accusations).toEqual([]);
    expect(run.state.numStale).toBeGreaterThan(0);
  });
});

describe("when nobody else will come", () => {
  test("the run begins with those who are there", () => {
    const run = new Simulation(seededRandom(1));
    run.join();
    run.dispatch({ type: "no-more-workers" });
    expect(run.runToEnd()).toEqual({ status: "completed" });
  });

  test("the run ends once nobody is left", () => {
    const { run, workers } = inTheMiddle();
    run.dispatch({ type: "no-more-workers" });
    for (const worker of workers) run.kill(worker);
    expect(run.runToEnd().error?.code).toBe("ERR_WORKER_EXIT");
  });
});

test("the status names the one who is waited for, for how long and for what", () => {
  const { run, workers } = inTheMiddle();
  defined(workers[1], "a worker").isStuck = true;
  run.runUntil(() => run.state.computed.size === 2);
  const sinceMs = run.state.stepSinceMs;
  expect(statusOf(run.state, sinceMs + 4100)).toMatchObject({ waitingFor: expect.anything() });
  expect(statusOf(run.state, sinceMs + 60_000).waitingFor).toBe(
    `step ${run.state.step}: waiting 60.0 s for worker 1 (host/1) to compute its leaves; ` +
      `median ${((medianStepMs(run.state) ?? 0) / 1000).toFixed(1)} s`,
  );
});

test("a long exchange is told of with the one who holds it up, and what that one owes", () => {
  const { run, workers } = inTheMiddle();
  const late = defined(workers[1], "a worker");
  run.runUntil(() => run.state.computed.size === 0);
  // It has said that it is done, and then sends nothing.
  late.isMute = true;
  run.runUntil(() => run.state.computed.size === 3);
  const { step, stepSinceMs } = run.state;
  run.passTime(2000 + 3 * (medianStepMs(run.state) ?? 0));
  run.runUntil(() => run.state.peerWaits.size === 3);
  const seconds = ((run.nowMs - stepSinceMs) / 1000).toFixed(1);
  expect(statusOf(run.state, run.nowMs).waitingFor).toMatch(
    `step ${step}: waiting ${seconds} s for worker 1 (host/1) to send its partials; median `,
  );
  run.passTime(1000);
  const told = recordsOf(run, "waiting").map(({ message }) => String(message));
  expect(told.at(-1)).toMatch(/for worker 1 \(host\/1\) to send its partials; median \d+\.\d s$/);
  const numTold = told.length;
  // Not every tick: only when the wait has become twice as long.
  for (let i = 0; i < 8; i++) run.passTime(100);
  expect(recordsOf(run, "waiting")).toHaveLength(numTold);
  late.speak();
  expect(run.runToEnd()).toEqual({ status: "completed" });
});

test("each commit is recorded once, with every leaf computed by one member", () => {
  const { run } = inTheMiddle();
  run.runToEnd();
  const commits = run.effects.flatMap((effect: RunEffect) =>
    effect.type === "record" && effect.record.type === "commits" ? [effect.record] : [],
  );
  let next = 0;
  for (const { from, to, leaves } of commits) {
    expect(from).toBe(next);
    next = Number(to);
    const ranges = leaves as { readonly lo: number; readonly hi: number }[];
    const leafIds = ranges.flatMap(({ lo, hi }) =>
      Array.from({ length: hi - lo }, (_, i) => lo + i),
    );
    expect(leafIds).toEqual([0, 1, 2, 3, 4]);
  }
  expect(next).toBe(12);
});
