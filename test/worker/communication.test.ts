import { expect, test } from "vitest";
import { defined } from "../../src/base/assert.ts";
import { resolveConfiguration } from "../../src/configuration/resolve-configuration.ts";
import type { Welcome } from "../../src/protocol/messages.ts";
import type { TensorKind } from "../../src/protocol/tensor-frame.ts";
import { Communication } from "../../src/worker/communication.ts";
import { createTrainingMemory } from "../../src/worker/training-memory.ts";
import { FakeClock } from "../fake-clock.ts";
import { memoryLinks } from "../memory-link.ts";

const configuration = resolveConfiguration({
  ...{ vocabSize: 9, contextLength: 2, batchSize: 4, microBatchSize: 1, steps: 4 },
  ...{ embeddingSize: 4, numHeads: 1, numLayers: 1 },
});
const welcome: Welcome = {
  ...{ type: "welcome", workerId: 1, configuration, step: 0, restore: false, keep: false },
  isUnderWay: false,
  ...{ runId: "run-1", meshSecret: "0".repeat(64) },
};

const settle = async () => {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
};

test("a donor's state and sums go to the coordinator that is there now, not to the one it lost", async () => {
  const calls = [memoryLinks(), memoryLinks()];
  const heard: (readonly [call: number, TensorKind])[] = [];
  calls.forEach(([far], call) => {
    far.listen({
      onMessage: () => undefined,
      onTensor: ({ kind }) => heard.push([call, kind]),
      onClose: () => undefined,
    });
  });
  const { map } = await createTrainingMemory(configuration, 2);
  const nearEnds = calls.map(([, near]) => near);
  const next = () => defined(nearEnds.shift(), "another call");
  const communication = new Communication({
    coordinator: next(),
    reconnect: () => Promise.resolve(next()),
    dialPeer: () => Promise.reject(new Error("nobody is called")),
    clock: new FakeClock(),
    tell: () => undefined,
    onEnd: () => undefined,
  });
  const send = async () => {
    await communication.hear({ type: "sum", step: 7, buffer: new SharedArrayBuffer(8) });
    await communication.hear({ type: "snapshot", step: 7, numRead: new Int32Array(1) });
    await settle();
  };
  calls[0]?.[0].send(welcome);
  await settle();
  await communication.hear({ type: "memory", ...map });
  await send();
  calls[0]?.[0].close("killed");
  await settle();
  await communication.hear({ type: "holding", held: undefined });
  await settle();
  await send();
  const ofEach = ["replay", "state", "state", "state"];
  expect(heard).toEqual([0, 1].flatMap((call) => ofEach.map((kind) => [call, kind])));
});
