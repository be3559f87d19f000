import { expect, test } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { MAX_FRAME_FLOATS } from "../../src/protocol/limits.ts";
import type { Link } from "../../src/protocol/link.ts";
import type { Message } from "../../src/protocol/messages.ts";
import { StateAssembly, type StateVectors } from "../../src/protocol/state-frames.ts";
import { copyUnread, LeavingSnapshot, stateIn } from "../../src/worker/leaving-snapshot.ts";

/** Two frames a vector, the second one shorter. */
const NUM_PARAMS = MAX_FRAME_FLOATS + 3;
const NUM_FRAMES = 6;

const emptyState = () => stateIn(new SharedArrayBuffer(3 * 4 * NUM_PARAMS));

function filledState(): StateVectors {
  const vectors = emptyState();
  vectors.forEach((vector, i) => {
    for (let j = 0; j < vector.length; j++) vector[j] = i + j / vector.length;
  });
  return vectors;
}

/** A link that puts together what is sent, and calls `onFrame` before the next can be. */
function collect(onFrame: (numSent: number) => void) {
  const received = emptyState();
  const assembly = new StateAssembly(7, received);
  const messages: Message[] = [];
  let numSent = 0;
  const link: Link = {
    label: "coordinator",
    send: (message) => messages.push(message),
    sendTensor: (frame) => {
      assembly.take(frame);
      onFrame(++numSent);
      return Promise.resolve();
    },
    listen: () => undefined,
    close: () => undefined,
    cut: () => undefined,
  };
  return { link, received, messages };
}

/** Each moment to make the copy in, and how many frames later its reader hears of it. */
const moments = Array.from({ length: NUM_FRAMES }, (_, i) => i + 1).flatMap((copied) =>
  [0, 1, 2].map((later) => ({ copied, heard: copied + later })),
);

test.each(moments)(
  "a snapshot is whole, copied after $copied frames and heard of after $heard",
  async (moment) => {
    const { copied, heard } = moment;
    const vectors = filledState();
    const original = filledState();
    const numRead = new Int32Array(new SharedArrayBuffer(4));
    const snapshot = new LeavingSnapshot({ step: 7, vectors, numRead });
    const copy = emptyState();
    const { link, received, messages } = collect((numSent) => {
      if (numSent === copied) copyUnread(vectors, copy, numRead);
      if (numSent !== heard) return;
      snapshot.useCopy(copy);
      for (const vector of vectors) vector.fill(-1);
    });
    await snapshot.send(link, () => false);
    expect(received.map(digestOf)).toEqual(original.map(digestOf));
    expect(messages).toEqual([{ type: "digest", step: 7, digest: digestOf(original[0]) }]);
    // What had left was not copied.
    expect(copy[0][0]).toBe(0);
    expect(copy[2].at(-1)).toBe(copied === NUM_FRAMES ? 0 : original[2].at(-1));
  },
);

test("a snapshot lets heartbeats be answered while it is read", async () => {
  const numRead = new Int32Array(1);
  const snapshot = new LeavingSnapshot({ step: 7, vectors: emptyState(), numRead });
  let numReadThen: number | undefined;
  setImmediate(() => {
    numReadThen = numRead[0];
  });
  await snapshot.send(collect(() => undefined).link, () => false);
  expect([numReadThen, numRead[0]]).toEqual([1, NUM_FRAMES]);
});

test("a snapshot whose link has ended is not read any more", async () => {
  const numRead = new Int32Array(1);
  const snapshot = new LeavingSnapshot({ step: 7, vectors: emptyState(), numRead });
  let isOver = false;
  const { link, messages } = collect((numSent) => {
    isOver = numSent === 2;
  });
  await snapshot.send(link, () => isOver);
  expect([numRead[0], messages]).toEqual([2, []]);
});
