import { expect, test } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import type { Link } from "../../src/protocol/link.ts";
import type { Message } from "../../src/protocol/messages.ts";
import { sendSnapshot } from "../../src/worker/send-state.ts";

test("a snapshot's digest lets heartbeats be answered while it is computed", async () => {
  const sent: Message[] = [];
  let numFrames = 0;
  const link: Link = {
    label: "coordinator",
    send: (message) => sent.push(message),
    sendTensor: () => {
      numFrames++;
      return Promise.resolve();
    },
    listen: () => undefined,
    close: () => undefined,
    cut: () => undefined,
  };
  const buffer = new SharedArrayBuffer(3 * 8);
  const parameters = new Float32Array(buffer, 0, 2);
  parameters.set([1, 2]);
  let sentBefore: number | undefined;
  setImmediate(() => {
    sentBefore = sent.length;
  });
  await sendSnapshot(link, 7, buffer);
  expect([numFrames, sentBefore]).toEqual([3, 0]);
  expect(sent).toEqual([{ type: "digest", step: 7, digest: digestOf(parameters) }]);
});
