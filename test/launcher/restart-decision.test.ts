import { describe, expect, test } from "vitest";
import { restartDecision } from "../../src/launcher/restart-decision.ts";

const KILLED = { lifeMs: 60_000, code: null, signal: "SIGKILL", lastLine: "", numShortLives: 0 };

describe("a worker that ended early", () => {
  test("is started again a second later when it had worked", () => {
    expect(restartDecision(KILLED, 5)).toMatchObject({ type: "restart", delayMs: 1000 });
  });

  test("waits twice as long each time it ends soon, up to half a minute, and then stays away", () => {
    const delays: number[] = [];
    let numShortLives = 0;
    for (;;) {
      const decision = restartDecision({ ...KILLED, lifeMs: 100, numShortLives }, 7);
      if (decision.type === "give-up") {
        expect(decision.why).toBe("it ended 8 times in a row within 15 s of its start");
        break;
      }
      delays.push(decision.delayMs / 1000);
      numShortLives = decision.numShortLives;
    }
    expect(delays).toEqual([1, 2, 4, 8, 16, 30, 30]);
  });

  test("begins to count anew after a long life", () => {
    const decision = restartDecision({ ...KILLED, numShortLives: 5 }, 5);
    expect(decision).toEqual({ type: "restart", delayMs: 1000, numShortLives: 1 });
  });

  /** What it ended with, and why another start is of no use. */
  const LASTING = [
    ["wrong usage", { code: 2, signal: null }],
    ["a program that cannot be started", { code: null, signal: null }],
    ["an engine that is missing", { code: 1, signal: null, lastLine: "ERR_ENGINE: none" }],
  ] as const;
  test.each(LASTING)("is not started again after %s", (_name, end) => {
    expect(restartDecision({ ...KILLED, lifeMs: 100, ...end }, 5).type).toBe("give-up");
  });

  test("is started again when its engine fails after a long time: a GPU can come back", () => {
    const end = { code: 1, signal: null, lastLine: "ERR_ENGINE: the device was lost" };
    expect(restartDecision({ ...KILLED, ...end }, 5).type).toBe("restart");
  });

  test("is never started again when that is not wanted", () => {
    expect(restartDecision(KILLED, 0).type).toBe("give-up");
  });
});
