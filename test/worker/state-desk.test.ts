import { expect, test } from "vitest";
import { stateFrames } from "../../src/protocol/state-frames.ts";
import { StateDesk } from "../../src/worker/state-desk.ts";

const NUM_PARAMS = 1000;
const vectors = () =>
  [1, 2, 3].map((i) => new Float32Array(NUM_PARAMS).fill(i)) as unknown as Parameters<
    typeof stateFrames
  >[1];

test("says once that a state comes in, before it says that it is whole", () => {
  const told: string[] = [];
  const desk = new StateDesk({
    onRestoring: () => told.push("restoring"),
    onRestored: (step) => told.push(`restored ${step}`),
    onReplayed: () => undefined,
  });
  const places = [0, 1, 2].map(() => new Float32Array(NUM_PARAMS));
  desk.attach(places as unknown as Parameters<StateDesk["attach"]>[0], new Float32Array(1));
  const frames = [...stateFrames(7, vectors())];
  expect(frames.length).toBeGreaterThan(1);
  desk.receive(frames[0] as (typeof frames)[number]);
  expect(told).toEqual(["restoring"]);
  for (const frame of frames.slice(1)) desk.receive(frame);
  expect(told).toEqual(["restoring", "restored 7"]);
  expect(places.map((place) => place[0])).toEqual([1, 2, 3]);
});
