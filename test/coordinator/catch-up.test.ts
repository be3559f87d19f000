import { describe, expect, test } from "vitest";
import { defined } from "../../src/base/assert.ts";
import { seededRandom } from "../../src/base/random.ts";
import type { RunRecord } from "../../src/coordinator/run-effects.ts";
import type { RunPlan } from "../../src/coordinator/run-plan.ts";
import { waitInWords } from "../../src/coordinator/unusual-waits.ts";
import { waitsOf } from "../../src/coordinator/waits.ts";
import type { SimulatedWorker } from "./simulated-worker.ts";
import { Simulation, SMALL_PLAN } from "./simulation.ts";

/** Long enough for several to come in, and never standing still for an evaluation. */
const LONG_PLAN: RunPlan = {
  ...{ ...SMALL_PLAN, steps: 80, evaluateEvery: 0, checkpointEvery: 0 },
  numEvaluationBatches: 0,
};

/** Two members in the middle of a run, and a joiner that has made its engine. */
function withJoiner(seed = 3, plan = LONG_PLAN) {
  const run = new Simulation(seededRandom(seed), plan);
  const members = [run.join(), run.join()];
  run.runUntil(() => run.state.step >= 10);
  const joiner = run.join();
  run.runUntil(() => standingOf(run, joiner)?.type === "prepared");
  return { run, members, joiner };
}

const standingOf = ({ state }: Simulation, { id }: SimulatedWorker) =>
  state.workers.get(id)?.standing;

const recordsOf = ({ effects }: Simulation, type: string): readonly RunRecord[] =>
  effects.flatMap((effect) =>
    effect.type === "record" && effect.record.type === type ? [effect.record] : [],
  );

const dropsOf = ({ effects }: Simulation) =>
  effects.flatMap((effect) => (effect.type === "drop" ? [effect] : []));

const stateFramesSentTo = ({ effects }: Simulation, { id }: SimulatedWorker) =>
  effects.filter((effect) => effect.type === "send-state" && effect.workerId === id).length;

function expectUndisturbed(run: Simulation): void {
  expect(run.runToEnd()).toEqual({ status: "completed" });
  const digest = String(Simulation.parametersAfter(run.plan.steps));
  expect(run.state.agreed).toEqual({ step: run.plan.steps, digest });
}

/** Replaces what a worker says of one type. */
function lie(worker: SimulatedWorker, type: string, changes: Record<string, unknown>): void {
  const push = worker.outbox.push.bind(worker.outbox);
  worker.outbox.push = (...sayings) =>
    push(...sayings.map((one) => (one.type === type ? Object.assign({ ...one }, changes) : one)));
}

describe("a joiner in the middle of a run", () => {
  test("is brought up while the others commit step after step, whatever the order of events", () => {
    for (let seed = 0; seed < 40; seed++) {
      const { run, joiner } = withJoiner(seed);
      expectUndisturbed(run);
      const [catchUp] = recordsOf(run, "catch-up");
      const joined = recordsOf(run, "generation").find(({ members }) =>
        Object(members).includes(joiner.id),
      );
      expect(Number(joined?.step), `seed ${seed}`).toBeGreaterThan(Number(catchUp?.step));
      expect(stateFramesSentTo(run, joiner), `seed ${seed}`).toBe(1);
    }
  });

  test("is told that others train, which who begins the run with them is not", () => {
    const { run, members, joiner } = withJoiner();
    const welcomes = run.effects.flatMap((effect) =>
      effect.type === "welcome" ? [[effect.workerId, effect.isUnderWay]] : [],
    );
    expect(welcomes).toEqual([...members.map(({ id }) => [id, false]), [joiner.id, true]]);
  });

  test("stops nobody while its state travels", () => {
    const { run, joiner } = withJoiner();
    run.runUntil(() => standingOf(run, joiner)?.type === "restoring");
    const { step } = run.state;
    joiner.isFrozen = true;
    run.runUntil(() => run.state.step === step + 30);
    expect(recordsOf(run, "generation")).toHaveLength(1);
    joiner.isFrozen = false;
    run.runUntil(() => run.state.members.includes(joiner.id));
    expectUndisturbed(run);
  });

  test("is out, by name, when its own updates gave other parameters than the members have", () => {
    const { run, joiner } = withJoiner();
    lie(joiner, "digest", { digest: "other" });
    run.runUntil(() => joiner.isGone);
    const [drop] = dropsOf(run);
    expect([drop?.workerId, drop?.reject.code]).toEqual([joiner.id, "ERR_REPLICA_DIVERGED"]);
    expect(drop?.reject.message).toMatch(
      /worker 2 \(host\/2\) has parameters other after step \d+/,
    );
    expect(recordsOf(run, "generation")).toHaveLength(1);
    expectUndisturbed(run);
  });

  test("is out when the state that it says it has taken is not the one it was sent", () => {
    const { run, joiner } = withJoiner();
    run.runUntil(() => standingOf(run, joiner)?.type === "restoring");
    lie(joiner, "prepared", { digest: "other" });
    run.runUntil(() => joiner.isGone);
    expect(dropsOf(run)[0]?.reject.code).toBe("ERR_REPLICA_DIVERGED");
    expectUndisturbed(run);
  });

  test("begins anew with another donor when the first one dies", () => {
    for (let seed = 0; seed < 20; seed++) {
      const { run, members, joiner } = withJoiner(seed);
      run.runUntil(() => run.state.replay !== undefined && run.state.step > run.state.replay.until);
      run.kill(defined(members[0], "the donor"));
      run.runUntil(() => run.state.members.includes(joiner.id));
      expectUndisturbed(run);
    }
  });

  test("costs nothing when it dies on the way", () => {
    for (let seed = 0; seed < 20; seed++) {
      const { run, joiner } = withJoiner(seed);
      const { step } = run.state;
      run.runUntil(() => run.state.step === step + (seed % 4));
      const isMember = run.state.members.includes(joiner.id);
      run.kill(joiner);
      expectUndisturbed(run);
      if (!isMember) expect(recordsOf(run, "generation").length).toBeLessThanOrEqual(3);
    }
  });

  test("is held up by no checkpoint, and holds up none", () => {
    for (let seed = 0; seed < 20; seed++) {
      const { run, joiner } = withJoiner(seed, { ...LONG_PLAN, checkpointEvery: 3 });
      run.runUntil(() => run.state.members.includes(joiner.id));
      expectUndisturbed(run);
      const saves = run.effects.flatMap((effect) => (effect.type === "save" ? [effect.step] : []));
      // One in six steps at least, though a simulated disk is slow.
      expect(saves.length, `seed ${seed}`).toBeGreaterThan(8);
    }
  });
});

test("several joiners at once share the sums, and come in without waiting for the slowest", () => {
  const { run } = withJoiner(5, { ...LONG_PLAN, steps: 200 });
  const slowest = run.join();
  run.join();
  run.join();
  slowest.isStuck = true;
  run.runUntil(() => run.state.members.length === 5);
  expect(run.state.members).not.toContain(slowest.id);
  slowest.isStuck = false;
  run.runUntil(() => run.state.members.length === 6);
  expectUndisturbed(run);
});

describe("a joiner that cannot keep up", () => {
  /** Sums of a model this large are kept for eight steps. */
  const layout = [{ name: "embed.weight", shape: [2 ** 12, 2 ** 12] }];

  /** A run of a large model whose joiner stands still with its state on the way. */
  function withLaggard() {
    const run = new Simulation(seededRandom(3), LONG_PLAN);
    for (const worker of [run.join(), run.join()]) lie(worker, "prepared", { layout });
    run.runUntil(() => run.state.step >= 10);
    const joiner = run.join();
    lie(joiner, "prepared", { layout });
    run.runUntil(() => standingOf(run, joiner)?.type === "restoring");
    joiner.isStuck = true;
    run.runUntil(() => run.state.phase.type === "admitting");
    return { run, joiner };
  }

  test("is waited for at a boundary, and that is said", () => {
    const { run, joiner } = withLaggard();
    const [pause] = recordsOf(run, "pause");
    expect(pause).toMatchObject({ workerIds: [joiner.id], behind: 8, step: run.state.step });
    const wait = waitsOf(run.state).find(({ kind }) => kind === "admit");
    expect(waitInWords(run.state, defined(wait, "a wait"), run.nowMs)).toMatch(
      /for worker 2 \(host\/2\) to catch up with the others/,
    );
    joiner.isStuck = false;
    run.runUntil(() => run.state.members.includes(joiner.id));
    expect(run.state.step).toBe(pause?.step);
    expectUndisturbed(run);
  });

  test("is dropped by name when it keeps the others waiting for too long", () => {
    const { run, joiner } = withLaggard();
    run.passTime(LONG_PLAN.limits.admitMs);
    const [drop] = dropsOf(run);
    expect([drop?.workerId, drop?.reject.code]).toEqual([joiner.id, "ERR_DEADLINE"]);
    expectUndisturbed(run);
  });

  test("is dropped by name when it never does an update that it was sent", () => {
    const { run, joiner } = withJoiner();
    run.runUntil(() => {
      const standing = standingOf(run, joiner);
      return standing?.type === "prepared" && standing.replayingSinceMs !== undefined;
    });
    joiner.isStuck = true;
    while (dropsOf(run).length === 0 && run.state.admission === undefined) {
      for (let i = 0; i < 10; i++)
        run.stepOnce({ kill: 0, freeze: 0, join: 0, failSave: 0, until: 0 }, i);
      run.passTime(LONG_PLAN.limits.stepMsMin / 3);
    }
    expectUndisturbed(run);
    expect(dropsOf(run).map(({ workerId }) => workerId)).toEqual([joiner.id]);
  });
});
