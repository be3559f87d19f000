import { linkSync, openSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { defined } from "../../src/base/assert.ts";
import { floatsToBytes } from "../../src/base/bytes.ts";
import { TrainerError } from "../../src/base/errors.ts";
import { encodeSlotFrame, encodeSlotFree } from "../../src/protocol/slot-frame.ts";
import type { TensorFrame } from "../../src/protocol/tensor-frame.ts";
import { copyPayload } from "../../src/protocol/unread-payload.ts";
import { LinkSlots } from "../../src/transport/link-slots.ts";
import { NUM_SLOTS, SlotFile } from "../../src/transport/slot-file.ts";
import { hasSharedMemory, NEEDS_SHARED_MEMORY, ownSlotFolder, pathIn } from "./slot-folder-here.ts";
import { type SocketPair, slotPair } from "./socket-pair.ts";

const PAYLOAD_BYTES = 100_000;

function tensor(step: number): TensorFrame {
  const place = { generation: 1, step, offset: 0, lo: 0, hi: 0 };
  const payload = new Uint8Array(PAYLOAD_BYTES).fill(step + 1);
  return { kind: "sum", vector: 0, elements: "f32", ...place, payload };
}

/** The slots of two ends of one link, and what each has to tell the other. */
class TwoEnds implements Disposable {
  /** What the near and the far end said of their file. */
  readonly told: string[] = [];
  readonly path: string;
  readonly near: End;
  readonly far: End;
  readonly #own = ownSlotFolder();

  constructor() {
    const offer = defined(this.#own.slotFolder.make(), "an offer");
    this.path = join(pathIn(this.#own), offer.text.split(" ")[0] ?? "");
    this.far = this.#end(defined(this.#own.slotFolder.find(offer.text), "the file"));
    // A second name: the offer's goes with `take`.
    linkSync(this.path, `${this.path}-kept`);
    this.near = this.#end(offer.take());
  }

  cutShort(): void {
    truncateSync(`${this.path}-kept`, 4096);
  }

  /** The near end's slots on a file that cannot be written: as where no memory is left. */
  full(): LinkSlots {
    return this.#end(new SlotFile(openSync(`${this.path}-kept`, "r"), "maker")).slots;
  }

  [Symbol.dispose](): void {
    for (const { slots } of [this.near, this.far]) slots.end();
    this.#own[Symbol.dispose]();
  }

  #end(file: SlotFile): End {
    const sent: Uint8Array[] = [];
    const slots = new LinkSlots({
      file,
      sendNow: (message) => void sent.push(message),
      onFull: () => void this.told.push("full"),
      onBroken: () => void this.told.push("broken"),
    });
    return { slots, sent };
  }
}

interface End {
  readonly slots: LinkSlots;
  readonly sent: Uint8Array[];
}

/** The frame of a message, heard by somebody who listens. */
function frameOf(slots: LinkSlots, message: Uint8Array): TensorFrame {
  const news = slots.hear(message, true);
  if (news?.kind !== "frame") throw new TrainerError("ERR_PROTOCOL", "no frame");
  return news.frame;
}

const name = hasSharedMemory ? "slots" : `slots ${NEEDS_SHARED_MEMORY}`;
describe.skipIf(!hasSharedMemory)(name, () => {
  test("are given back when their payload has been copied to where it belongs", () => {
    using ends = new TwoEnds();
    const { near, far } = ends;
    const message = defined(near.slots.sender.put(tensor(4)), "a message");
    const frame = frameOf(far.slots, message);
    expect(far.sent).toEqual([]);
    const target = new Uint8Array(PAYLOAD_BYTES);
    copyPayload(frame, target);
    expect(target.every((byte) => byte === 5)).toBe(true);
    expect(far.sent).toEqual([encodeSlotFree(NUM_SLOTS - 1)]);
  });

  test("come back, the oldest first, when nobody copies what lies in them", () => {
    using ends = new TwoEnds();
    const { near, far } = ends;
    const frames: TensorFrame[] = [];
    for (let step = 0; step < 100; step++) {
      expect(near.slots.sender.hasFreeSlot).toBe(true);
      frames.push(frameOf(far.slots, defined(near.slots.sender.put(tensor(step)), "a message")));
      for (const free of far.sent.splice(0)) near.slots.hear(free, true);
    }
    expect(frames.map(({ payload }) => payload[0])).toEqual(frames.map(({ step }) => step + 1));
  });

  test("are read before they are closed", () => {
    using ends = new TwoEnds();
    const { near, far } = ends;
    const frame = frameOf(far.slots, defined(near.slots.sender.put(tensor(6)), "a message"));
    far.slots.end();
    const target = new Uint8Array(PAYLOAD_BYTES);
    copyPayload(frame, target);
    expect(target[PAYLOAD_BYTES - 1]).toBe(7);
  });

  test("are given back unread when nobody listens any more", () => {
    using ends = new TwoEnds();
    const { near, far } = ends;
    const message = defined(near.slots.sender.put(tensor(1)), "a message");
    expect(far.slots.hear(message, false)).toEqual({ kind: "heard" });
    expect(far.sent).toEqual([encodeSlotFree(NUM_SLOTS - 1)]);
  });

  test("are used no more when there is no memory for them, which is said once", () => {
    using ends = new TwoEnds();
    const slots = ends.full();
    expect(slots.sender.suits(tensor(0))).toBe(true);
    expect(slots.sender.put(tensor(0))).toBeUndefined();
    expect(slots.sender.suits(tensor(0))).toBe(false);
    expect(ends.told).toEqual(["full"]);
    slots.end();
  });

  test("give NaN and end the link when the peer cuts their file short", () => {
    using ends = new TwoEnds();
    const { near, far } = ends;
    const frame = frameOf(far.slots, defined(near.slots.sender.put(tensor(1)), "a message"));
    ends.cutShort();
    const target = new Float32Array(PAYLOAD_BYTES / 4);
    copyPayload(frame, floatsToBytes(target));
    expect(target.every(Number.isNaN)).toBe(true);
    expect(ends.told).toEqual(["broken"]);
  });

  /** What a hostile peer says of slots. */
  const lies: readonly (readonly [string, (taken: Uint8Array) => Uint8Array, string])[] = [
    ["uses a slot that was not given back", (taken) => taken, "slot 7 has not been given back yet"],
    [
      "names a slot beyond the last",
      () => encodeSlotFrame(tensor(1), 8),
      "slot 8, but there are 8",
    ],
    [
      "gives back a slot that is free",
      () => encodeSlotFree(3),
      "slot 3 is given back, but was free",
    ],
    ["gives back a slot beyond the last", () => encodeSlotFree(9), "slot 9, but there are 8"],
    ["cuts a frame short", (taken) => taken.subarray(0, 47), "a slot frame of 47 bytes"],
    [
      "announces more bytes than a slot has",
      (taken) => Buffer.from(taken).fill(Buffer.of(4, 0, 16), 8, 11),
      "the payload's length is 1048580 bytes, but must be 1 to 262144 floats",
    ],
  ];
  test.each(lies)("refuse a peer that %s", (_what, lie, why) => {
    using ends = new TwoEnds();
    const { near, far } = ends;
    const message = defined(near.slots.sender.put(tensor(1)), "a message");
    frameOf(far.slots, message);
    expect(() => far.slots.hear(lie(message), true)).toThrow(why);
  });
});

describe.skipIf(!hasSharedMemory)(`a link with ${name}`, () => {
  test("lets both ends send at once, however little the listeners read", async () => {
    await using pair = await slotPair();
    const frames = await Promise.all([sendAndKeep(pair, "near"), sendAndKeep(pair, "far")]);
    for (const kept of frames) {
      expect(kept.map(({ payload }) => payload[0])).toEqual(kept.map(({ step }) => step + 1));
    }
  });
});

/** Sends 40 frames from one end; those that come there are kept unread until all have come. */
function sendAndKeep(pair: SocketPair, side: "near" | "far"): Promise<readonly TensorFrame[]> {
  const link = pair[side];
  for (let step = 0; step < 40; step++) void link.sendTensor(tensor(step));
  const kept: TensorFrame[] = [];
  return new Promise((resolve) => {
    link.listen({
      onMessage: () => undefined,
      onTensor: (frame) => {
        kept.push(frame);
        if (kept.length === 40) resolve(kept);
      },
      onClose: () => undefined,
    });
  });
}
