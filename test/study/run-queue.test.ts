import { describe, expect, test } from "vitest";
import { runQueue } from "../../src/study/run-queue.ts";
import { runStanding } from "../../src/study/run-standing.ts";

/** A signal that nobody raises. */
const never = new AbortController().signal;

describe("the queue of a study", () => {
  test("never does more at once than it has slots, and does everything in order", async () => {
    let [underWay, most] = [0, 0];
    const begun: number[] = [];
    const outcome = await runQueue({
      ...{ items: [1, 2, 3, 4, 5], numSlots: 2, signal: never },
      async work(item) {
        begun.push(item);
        most = Math.max(most, ++underWay);
        await Promise.resolve();
        underWay--;
      },
    });
    expect(most).toBe(2);
    expect(begun).toEqual([1, 2, 3, 4, 5]);
    expect(outcome).toMatchObject({ failed: [], left: [] });
    expect(outcome.done).toHaveLength(5);
  });

  test("goes on when one item fails, and gives its error", async () => {
    const outcome = await runQueue({
      ...{ items: ["a", "b", "c"], numSlots: 1, signal: never },
      work: (item) => (item === "b" ? Promise.reject("no") : Promise.resolve()),
    });
    expect(outcome).toEqual({ done: ["a", "c"], failed: [{ item: "b", error: "no" }], left: [] });
  });

  test("gives an item to another slot when its own has failed, which takes nothing else", async () => {
    const slots: (readonly [item: number, slot: number])[] = [];
    const outcome = await runQueue({
      ...{ items: [1, 2, 3], numSlots: 2, signal: never },
      work(item, slot) {
        slots.push([item, slot]);
        return slot === 0 ? Promise.reject("nobody is there") : Promise.resolve();
      },
      isOfSlot: (error) => error === "nobody is there",
    });
    expect(outcome).toMatchObject({ failed: [], left: [] });
    expect([...outcome.done].sort()).toEqual([1, 2, 3]);
    expect(slots.filter(([, slot]) => slot === 0)).toEqual([[1, 0]]);
  });

  test("gives it to a slot that had found nothing left, too", async () => {
    let otherIsDone: () => void = () => undefined;
    const other = new Promise<void>((resolve) => {
      otherIsDone = resolve;
    });
    const outcome = await runQueue({
      ...{ items: [1, 2], numSlots: 2, signal: never },
      async work(_, slot) {
        if (slot === 1) return otherIsDone();
        await other;
        throw "nobody is there";
      },
      isOfSlot: () => true,
    });
    expect(outcome).toMatchObject({ failed: [], left: [] });
    expect([...outcome.done].sort()).toEqual([1, 2]);
  });

  test("leaves what no slot was left for", async () => {
    const outcome = await runQueue({
      ...{ items: [1, 2], numSlots: 1, signal: never },
      work: () => Promise.reject("nobody is there"),
      isOfSlot: () => true,
    });
    expect(outcome).toEqual({ done: [], failed: [], left: [1, 2] });
  });

  test("begins nothing else when it is stopped, and says what is left", async () => {
    const stop = new AbortController();
    const outcome = await runQueue({
      ...{ items: [1, 2, 3], numSlots: 1, signal: stop.signal },
      async work() {
        stop.abort();
      },
    });
    expect(outcome).toEqual({ done: [1], failed: [], left: [2, 3] });
  });
});

describe("a run's standing", () => {
  const ended = (status: string, code?: string) => ({
    isBegun: true,
    summary: { status, ...(code === undefined ? {} : { error: { code } }) },
  });
  test.each([
    ["nothing is there", { isBegun: false, summary: undefined }, "missing"],
    // Killed before its first summary.
    ["it was begun", { isBegun: true, summary: undefined }, "begun"],
    ["it was interrupted", ended("interrupted"), "begun"],
    ["a worker died", ended("failed", "ERR_WORKER_EXIT"), "begun"],
    ["its numbers ran away", ended("failed", "ERR_NOT_FINITE"), "diverged"],
    ["it did all steps", ended("completed"), "completed"],
  ])("when %s", (_, traces, expected) => {
    expect(runStanding(traces)).toBe(expected);
  });
});
