import { describe, expect, test } from "vitest";
import type { Assign, Commit, Evaluate, Form } from "../../src/protocol/messages.ts";
import {
  initialWorkState,
  leavesDone,
  nextTask,
  orphaned,
  take,
  takeLetGo,
  takeReplay,
  takeSecured,
  takeSnapshotSent,
  takeSum,
  taskDone,
  type WorkState,
} from "../../src/worker/work-state.ts";

const SELF = 7;
const form = (generation: number, step: number): Form => ({
  ...{ type: "form", generation, step, members: [{ workerId: 2 }, { workerId: SELF }] },
});
const assign = (generation: number, step: number): Assign => ({
  ...{ type: "assign", generation, step, tokens: new Uint8Array(8) },
  ranges: [
    { lo: 0, hi: 1 },
    { lo: 1, hi: 2 },
  ],
});
const commit = (generation: number, step: number): Commit => ({
  ...{ type: "commit", generation, step, digest: false, snapshot: false, sum: false },
  skip: false,
});
const evaluate: Evaluate = {
  ...{ type: "evaluate", evaluationId: 1, batchIndex: 0, numSequences: 1, length: 1 },
  tokens: new Uint8Array(8),
};

type Asked = Parameters<typeof take>[1];
/** The state after these words; nothing is being sent when the members change. */
const asked = (state: WorkState, ...messages: readonly Asked[]) =>
  messages.reduce((before, message) => {
    const after = take(before, message, SELF);
    return message.type === "form" ? takeLetGo(after, message.generation) : after;
  }, state);

/** The state after the next task, which must be of this type. */
function done(state: WorkState, type: string): WorkState {
  const task = nextTask(state);
  expect(task?.type).toBe(type);
  return task === undefined ? state : taskDone(state, task);
}

/** A member that has reported the sum of step 0 of generation 1. */
function readyAtStep0(): WorkState {
  const member = asked(initialWorkState(0), form(1, 0), assign(1, 0), assign(1, 1));
  const computed = leavesDone(done(member, "begin"));
  return done(takeSum(computed, { generation: 1, step: 0 }), "report");
}

describe("a worker's tasks", () => {
  test("have the audits of others' leaves after its own, and before its report", () => {
    const audited = { ...assign(1, 0), audit: [0, 1] };
    const member = asked(initialWorkState(0), form(1, 0), audited);
    const exchanging = leavesDone(done(member, "begin"));
    const summed = takeSum(exchanging, { generation: 1, step: 0 });
    for (const state of [exchanging, summed]) expect(nextTask(state)).toEqual({ type: "audit" });
    const checked = done(summed, "audit");
    expect(nextTask(checked)).toEqual({ type: "report" });
    expect(nextTask(done(exchanging, "audit"))).toBeUndefined();
    // Another generation ends them with its step.
    expect(nextTask(asked(summed, form(2, 0)))).toBeUndefined();
  });

  test("follow one another through a step, and into the next", () => {
    const ready = readyAtStep0();
    expect(nextTask(ready)).toBeUndefined();
    const updated = done(asked(ready, commit(1, 0)), "update");
    expect(updated.step).toBe(1);
    expect(nextTask(updated)).toMatchObject({ type: "begin", assign: { step: 1 } });
  });

  test("leave nothing to do before an assignment", () => {
    expect(nextTask(asked(initialWorkState(0), form(1, 0)))).toBeUndefined();
  });

  test("take a snapshot of a step before the update that ends it", () => {
    const state = asked(readyAtStep0(), commit(1, 0), { type: "send-snapshot", step: 0 });
    const copying = done(done(state, "snapshot"), "copy");
    expect(nextTask(copying)).toBeUndefined();
    expect(done(takeSecured(copying), "update").step).toBe(1);
  });

  test("take a snapshot of the step after a commit when that was asked for", () => {
    const state = asked(readyAtStep0(), commit(1, 0), { type: "send-snapshot", step: 1 });
    expect(nextTask(done(state, "update"))).toEqual({ type: "snapshot", step: 1 });
  });

  test("update without a copy when the snapshot has left before", () => {
    const state = asked(readyAtStep0(), { type: "send-snapshot", step: 0 });
    const sent = takeSnapshotSent(done(state, "snapshot"));
    expect(done(asked(sent, commit(1, 0)), "update").step).toBe(1);
  });

  test("update when the snapshot has left while its copy was made, and hear no late word of it", () => {
    const state = asked(readyAtStep0(), commit(1, 0), { type: "send-snapshot", step: 0 });
    const sent = takeSnapshotSent(done(done(state, "snapshot"), "copy"));
    expect(nextTask(sent)?.type).toBe("update");
    expect(takeSecured(sent)).toEqual(sent);
  });

  test("finish a commit that was heard without the coordinator, behind the copy that it needs", () => {
    const state = asked(readyAtStep0(), commit(1, 0), { type: "send-snapshot", step: 0 });
    const orphan = orphaned(done(state, "snapshot"));
    const updated = done(takeSnapshotSent(done(orphan, "copy")), "update");
    expect(nextTask(updated)).toEqual({ type: "hold" });
  });

  test("take no second snapshot while the first one is leaving", () => {
    const state = asked(initialWorkState(0), { type: "send-snapshot", step: 0 });
    const leaving = asked(done(state, "snapshot"), { type: "send-snapshot", step: 0 });
    expect(nextTask(leaving)).toBeUndefined();
    expect(nextTask(takeSnapshotSent(leaving))?.type).toBe("snapshot");
  });

  test("evaluate before they begin leaves", () => {
    const state = asked(initialWorkState(0), form(1, 0), assign(1, 0), evaluate);
    expect(done(done(state, "evaluate"), "begin").evaluations).toEqual([]);
  });
});

describe("a new generation", () => {
  test("ends the attempt and forgets what was assigned", () => {
    const begun = done(asked(initialWorkState(0), form(1, 0), assign(1, 0)), "begin");
    const formed = asked(begun, form(2, 0));
    expect(nextTask(formed)).toBeUndefined();
    expect(nextTask(asked(formed, assign(1, 0)))).toBeUndefined();
    expect(nextTask(asked(formed, assign(2, 0)))?.type).toBe("begin");
  });

  test("begins no step while partials of the former one are still being sent", () => {
    const begun = done(asked(initialWorkState(0), form(1, 0), assign(1, 0)), "begin");
    const formed = take(begun, form(2, 0), SELF);
    const waiting = asked(takeLetGo(formed, 1), assign(2, 0));
    expect(nextTask(waiting)).toBeUndefined();
    expect(nextTask(takeLetGo(waiting, 2))?.type).toBe("begin");
  });

  test("leaves the leaves of its step where they are, until that has an update", () => {
    expect(asked(initialWorkState(0), form(1, 0), assign(1, 0)).hasLeaves).toBe(false);
    const formed = asked(readyAtStep0(), form(2, 0), assign(2, 0));
    expect(formed.hasLeaves).toBe(true);
    const ready = readyAtStep0();
    expect(done(asked(ready, commit(1, 0)), "update").hasLeaves).toBe(false);
    expect(done(orphaned(ready), "hold").hasLeaves).toBe(false);
  });

  test("leaves a commit standing that was said before it", () => {
    const state = asked(readyAtStep0(), commit(1, 0), form(2, 1), assign(2, 1));
    expect(nextTask(done(state, "update"))).toMatchObject({ type: "begin", assign: { step: 1 } });
  });

  test("of another step than this worker's is refused", () => {
    expect(() => asked(initialWorkState(3), form(1, 4))).toThrow(/begins at step 4.*at step 3/);
  });

  test("makes the sum of the former one void", () => {
    const begun = done(asked(initialWorkState(0), form(1, 0), assign(1, 0)), "begin");
    const again = asked(leavesDone(begun), form(2, 0), assign(2, 0));
    expect(nextTask(takeSum(again, { generation: 1, step: 0 }))?.type).toBe("begin");
  });
});

test("a commit of a step whose sum this worker does not hold is refused", () => {
  const member = asked(initialWorkState(0), form(1, 0), assign(1, 0));
  expect(() => asked(member, commit(1, 0))).toThrow(/committed step 0/);
});

describe("a sum of a step that others have committed", () => {
  test("is an update by oneself, after which the next fleet can be joined", () => {
    const caughtUp = done(takeReplay(initialWorkState(3), 3), "replay");
    expect(caughtUp.step).toBe(4);
    const member = asked(caughtUp, form(5, 4), assign(5, 4));
    expect(nextTask(member)).toMatchObject({ type: "begin", assign: { step: 4 } });
  });

  test("is refused by a member, and by a worker at another step", () => {
    expect(() => takeReplay(initialWorkState(3), 4)).toThrow(/at step 3/);
    expect(() => takeReplay(asked(initialWorkState(3), form(1, 3)), 3)).toThrow(/a member/);
  });
});
