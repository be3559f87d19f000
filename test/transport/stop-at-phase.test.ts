import { expect, test } from "vitest";
import type { Link, LinkListener } from "../../src/protocol/link.ts";
import type { Message } from "../../src/protocol/messages.ts";
import type { TensorFrame } from "../../src/protocol/tensor-frame.ts";
import { type PhaseTrap, type Side, stopAtPhase } from "../../src/transport/stop-at-phase.ts";

/** A link of one end, and what was said on it and to whom when the trap sprang. */
function trapped(trap: PhaseTrap, side: Side) {
  const told: string[] = [];
  const below: { listener?: LinkListener } = {};
  const link: Link = {
    label: "peer",
    send: (message) => told.push(`sent ${message.type}`),
    sendTensor: async (frame) => void told.push(`sent ${frame.kind}`),
    listen: (listener) => Object.assign(below, { listener }),
    close: (reason) => told.push(`closed: ${reason}`),
    cut: (reason) => told.push(`cut: ${reason}`),
  };
  const watched = stopAtPhase(trap, side, () => told.push("HALT"))(link);
  watched.listen({
    onMessage: ({ type }) => told.push(`heard ${type}`),
    onTensor: ({ kind }) => told.push(`heard ${kind}`),
    onClose: (reason) => told.push(reason),
  });
  const message = (type: string, step?: number) => ({ type, step }) as unknown as Message;
  const frame = (kind: TensorFrame["kind"], step: number) => ({ kind, step }) as TensorFrame;
  return {
    told,
    say: (type: string, step?: number) => watched.send(message(type, step)),
    sayTensor: (kind: TensorFrame["kind"], step: number) => watched.sendTensor(frame(kind, step)),
    hear: (type: string, step?: number) => below.listener?.onMessage(message(type, step)),
    hearTensor: (kind: TensorFrame["kind"], step: number) =>
      below.listener?.onTensor(frame(kind, step)),
  };
}

test("stops once: before what was heard is acted upon", () => {
  const { told, hear } = trapped({ phase: "computing", step: 3 }, "worker");
  hear("commit", 1);
  hear("commit", 2);
  hear("commit", 2);
  expect(told).toEqual(["heard commit", "HALT", "heard commit", "heard commit"]);
});

test("stops after what was said has been handed over", async () => {
  const { told, sayTensor } = trapped({ phase: "sending", step: 3 }, "worker");
  await sayTensor("partial", 2);
  await sayTensor("partial", 3);
  expect(told).toEqual(["sent partial", "sent partial", "HALT"]);
});

test("tells a worker's waiting for the commit from the coordinator's", () => {
  const worker = trapped({ phase: "awaiting-commit", step: 3 }, "worker");
  worker.hear("ready", 3);
  worker.say("ready", 3);
  expect(worker.told).toEqual(["heard ready", "sent ready", "HALT"]);
  const coordinator = trapped({ phase: "awaiting-commit", step: 3 }, "coordinator");
  coordinator.hear("ready", 3);
  expect(coordinator.told).toEqual(["HALT", "heard ready"]);
});

test.each<readonly [PhaseTrap["phase"], string, string]>([
  ["joining", "welcome", "hello"],
  ["evaluating", "evaluate", "evaluated"],
])("knows %s from either side", (phase, toWorker, toCoordinator) => {
  for (const [side, type] of [
    ["worker", toWorker],
    ["coordinator", toCoordinator],
  ] as const) {
    const { told, hear } = trapped({ phase, step: 3 }, side);
    hear(type);
    expect(told).toEqual(["HALT", `heard ${type}`]);
  }
});

test("meets saving with the first frame of the state, and owning with a partial", async () => {
  const donor = trapped({ phase: "saving", step: 3 }, "worker");
  await donor.sayTensor("state", 0);
  expect(donor.told).toEqual(["sent state", "HALT"]);
  const owner = trapped({ phase: "owning", step: 3 }, "coordinator");
  owner.hearTensor("partial", 3);
  expect(owner.told).toEqual(["HALT", "heard partial"]);
});
