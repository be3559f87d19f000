import { describe, expect, test } from "vitest";
import { defined } from "../../src/base/assert.ts";
import { seededRandom } from "../../src/base/random.ts";
import { statusOf } from "../../src/coordinator/run-status.ts";
import { medianStepMs } from "../../src/coordinator/waits.ts";
import { Simulation } from "./simulation.ts";

/** Three members, one of which owes the others its partials, while a fourth worker has long been compiling. */
function stalledBesideAJoiner() {
  const run = new Simulation(seededRandom(3));
  const members = [run.join(), run.join(), run.join()];
  run.runUntil(() => run.state.step >= 6 && run.state.members.length === 3);
  const joiner = run.join();
  joiner.isStuck = true;
  run.passTime(500);
  const late = defined(members[1], "a member");
  run.runUntil(() => run.state.phase.type === "training" && run.state.computed.size === 0);
  late.isMute = true;
  run.runUntil(() => run.state.computed.size === 3);
  run.passTime(2000 + 3 * (medianStepMs(run.state) ?? 0));
  return { run, joiner, late };
}

const kindsTold = ({ records, state }: Simulation) =>
  records.flatMap((one) => (one.type === "waiting" && one.step === state.step ? [one.kind] : []));

describe("while a joiner compiles for longer than the step has stalled", () => {
  test("the status names what holds up the run", () => {
    const { run } = stalledBesideAJoiner();
    expect(statusOf(run.state, run.nowMs).waitingFor).toMatch(/to hold the gradient sum/);
    run.runUntil(() => run.state.peerWaits.size === 3);
    expect(statusOf(run.state, run.nowMs).waitingFor).toMatch(/worker 1 .* to send its partials/);
  });

  test("both waits are recorded, each by itself, and not at every tick", () => {
    const { run } = stalledBesideAJoiner();
    expect(new Set(kindsTold(run))).toEqual(new Set(["prepare", "exchange"]));
    const numTold = kindsTold(run).length;
    for (let i = 0; i < 4; i++) run.passTime(100);
    expect(kindsTold(run)).toHaveLength(numTold);
    run.passTime(500);
    expect(kindsTold(run).filter((kind) => kind === "exchange").length).toBeGreaterThan(1);
  });

  test("the member that owes its part is dropped at the second deadline, and nobody else", () => {
    const { run, late } = stalledBesideAJoiner();
    run.passTime(70_000);
    expect(run.state.relinks).toBe(1);
    run.runUntil(() => run.state.computed.size === 3);
    run.passTime(5000);
    run.runUntil(() => run.state.peerWaits.size === 3);
    run.passTime(70_000);
    const dropped = run.effects.flatMap((one) => (one.type === "drop" ? [one.workerId] : []));
    expect(dropped).toEqual([late.id]);
  });
});
