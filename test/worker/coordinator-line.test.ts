import { expect, test } from "vitest";
import type { Link } from "../../src/protocol/link.ts";
import { CoordinatorLine } from "../../src/worker/coordinator-line.ts";
import { FakeClock } from "../fake-clock.ts";
import { memoryLinks } from "../memory-link.ts";

const settle = async () => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** A worker's line to a coordinator, with what became of it. */
function lineTo(near: Link) {
  const clock = new FakeClock();
  const failures: unknown[] = [];
  const line = new CoordinatorLine({
    ...{ first: near, clock },
    onMessage: () => undefined,
    onTensor: () => undefined,
    onLost: () => undefined,
    onFailed: (error) => failures.push(error),
  });
  line.open();
  return { clock, failures, line };
}

test("a coordinator that takes the call and says nothing is given up by name after a minute", async () => {
  const [near] = memoryLinks({ labels: ["host-a:4000", "worker"] });
  const { clock, failures } = lineTo(near);
  clock.advance(59_999);
  expect(failures).toEqual([]);
  clock.advance(1);
  expect(failures).toMatchObject([
    { code: "ERR_DEADLINE", message: expect.stringMatching(/host-a:4000 .*welcome within 60 s/) },
  ]);
});

test("one that has said a word may then be silent for as long as its link lives", async () => {
  const [near, far] = memoryLinks();
  const { clock, failures } = lineTo(near);
  far.send({ type: "finish", reason: "a word" });
  await settle();
  clock.advance(3_600_000);
  expect(failures).toEqual([]);
  expect(clock.numTimers).toBe(0);
});

test("a line that was closed waits for nobody", async () => {
  const [near] = memoryLinks();
  const { clock, failures, line } = lineTo(near);
  line.close("this worker ends");
  await settle();
  clock.advance(60_000);
  expect(failures).toEqual([]);
});
