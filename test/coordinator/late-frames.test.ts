import { expect, test } from "vitest";
import { noteLateFrames, tellLateFrames } from "../../src/coordinator/late-frames.ts";
import { FRESH_START, initialRunState } from "../../src/coordinator/run-state.ts";
import { transition } from "../../src/coordinator/transition.ts";
import type { Turn } from "../../src/coordinator/turn.ts";
import { SMALL_PLAN } from "./simulation.ts";

const start = initialRunState(SMALL_PLAN, FRESH_START, 0);

const toldBy = ({ effects }: Pick<Turn, "effects">) =>
  effects.flatMap((one) => (one.type === "record" ? [one.record] : []));

test("late frames are told of at most every ten seconds, and none is forgotten", () => {
  const turn = { state: start, effects: [], nowMs: 0 };
  const tellAt = (nowMs: number) => tellLateFrames(Object.assign(turn, { nowMs }));
  tellAt(0);
  expect(toldBy(turn)).toEqual([]);
  noteLateFrames(turn, 3);
  tellAt(250);
  for (let i = 0; i < 30; i++) {
    noteLateFrames(turn, 2);
    tellAt(500 + 250 * i);
  }
  expect(toldBy(turn)).toEqual([{ type: "late-frames", step: 0, frames: 3, inAll: 3 }]);
  tellAt(10_250);
  expect(toldBy(turn).at(-1)).toEqual({ type: "late-frames", step: 0, frames: 60, inAll: 63 });
});

test("those that a star's owner refuses count as well, and are told of at the next tick", () => {
  const { state } = transition(start, { type: "late-frames", numFrames: 4 }, 100);
  expect(state.lateFrames.numFrames).toBe(4);
  expect(toldBy({ effects: [...transition(state, { type: "tick" }, 200).effects] })).toEqual([
    { type: "late-frames", step: 0, frames: 4, inAll: 4 },
  ]);
});

test("those that members tell with ready count, also when that word comes late itself", () => {
  const stale = { type: "ready", generation: 9, step: 9, lossSum: 1, gradientNorm: 1 } as const;
  const message = { ...stale, computeMs: 1, exchangeMs: 1, lateFrames: 2 };
  const worker = { name: "host/0", address: undefined };
  const standing = { type: "preparing", sinceMs: 0, step: 0 } as const;
  const linked = { ...start, workers: new Map([[0, { ...worker, standing }]]) };
  const { state } = transition(linked, { type: "message", workerId: 0, message }, 0);
  expect(state.lateFrames.numFrames).toBe(2);
});
