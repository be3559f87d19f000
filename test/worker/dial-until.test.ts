import { expect, test } from "vitest";
import { TrainerError } from "../../src/base/errors.ts";
import type { Link } from "../../src/protocol/link.ts";
import { dialUntil } from "../../src/worker/dial-until.ts";
import { FakeClock } from "../fake-clock.ts";
import { memoryLinks } from "../memory-link.ts";

const settle = async () => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** A worker calls for a minute, half a second at a time. */
class Call {
  readonly clock = new FakeClock();
  readonly told: string[] = [];
  outcome: Link | TrainerError | undefined;

  constructor(dialOnce: () => Promise<Link>) {
    const options = { timeoutMs: 60_000, clock: this.clock, label: "host-a:4000" };
    const onWait = (text: string) => this.told.push(`${this.clock.nowMs()}: ${text}`);
    const end = (outcome: Link | TrainerError) => {
      this.outcome = outcome;
    };
    void dialUntil(dialOnce, { ...options, onWait }).then(end, end);
  }

  async pass(ms: number): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += 500) {
      await settle();
      this.clock.advance(500);
    }
    await settle();
  }
}

const nobody = () => Promise.reject(new TrainerError("ERR_CONNECT", "nobody listens there"));

test("a worker that nobody answers says after a second whom it calls, then every ten seconds", async () => {
  const call = new Call(nobody);
  await call.pass(22_000);
  const words = (seconds: number) =>
    `${seconds * 1000}: waiting for a coordinator to answer at host-a:4000, ${seconds} s of 60 s`;
  expect(call.told).toEqual([words(1), words(11), words(21)]);
  expect(call.outcome).toBeUndefined();
});

test("also while a single call hangs", async () => {
  const call = new Call(() => new Promise(() => undefined));
  await call.pass(1000);
  expect(call.told).toHaveLength(1);
});

test("nothing more is said once somebody has answered, or time is up", async () => {
  const [near] = memoryLinks();
  const answered = new Call(() => Promise.resolve(near));
  await answered.pass(30_000);
  expect([answered.told, answered.outcome]).toEqual([[], near]);
  const unanswered = new Call(nobody);
  await unanswered.pass(90_000);
  expect(unanswered.outcome).toMatchObject({ code: "ERR_CONNECT" });
  expect(unanswered.told).toHaveLength(6);
  expect(unanswered.clock.numTimers).toBe(0);
});
