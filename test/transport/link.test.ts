import { describe, expect, test } from "vitest";
import type { Link } from "../../src/protocol/link.ts";
import type { Message } from "../../src/protocol/messages.ts";
import type { TensorFrame } from "../../src/protocol/tensor-frame.ts";
import { selfSigned } from "../../src/transport/self-signed.ts";
import { memoryLinks } from "../memory-link.ts";
import { hasSharedMemory, NEEDS_SHARED_MEMORY } from "./slot-folder-here.ts";
import { slotPair, socketPair } from "./socket-pair.ts";

/** Both ends of one link, and what ends the world around it. */
interface Pair extends AsyncDisposable {
  readonly near: Link;
  readonly far: Link;
}

const BESIDE = "beside a socket, through memory";

const makers: readonly (readonly [string, () => Promise<Pair>])[] = [
  ["in memory", memoryPair],
  ["over a socket", socketPair],
  ["over TLS", () => socketPair({ tls: selfSigned() })],
  [BESIDE, slotPair],
];

function memoryPair(): Promise<Pair> {
  const [near, far] = memoryLinks();
  return Promise.resolve({ near, far, [Symbol.asyncDispose]: () => Promise.resolve() });
}

/** What a link heard, as one list, and promises for how far it got. */
class Heard {
  readonly events: (Message | TensorFrame | string)[] = [];
  readonly closed: Promise<string>;
  #waiters: { readonly count: number; readonly resolve: () => void }[] = [];

  constructor(link: Link) {
    let settle: (reason: string) => void = () => undefined;
    this.closed = new Promise((resolve) => {
      settle = resolve;
    });
    link.listen({
      onMessage: (message) => this.#add(message),
      onTensor: (frame) => this.#add(frame),
      onClose: (reason) => {
        this.#add(reason);
        settle(reason);
      },
    });
  }

  /** Kept when `count` events have come. */
  atLeast(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push({ count, resolve });
      this.#wake();
    });
  }

  #add(event: Message | TensorFrame | string): void {
    this.events.push(event);
    this.#wake();
  }

  #wake(): void {
    for (const { count, resolve } of this.#waiters) if (this.events.length >= count) resolve();
  }
}

const linked = (generation: number): Message => ({ type: "linked", generation });

function tensor(step: number, payload: Uint8Array): TensorFrame {
  const place = { generation: 1, step, offset: 0, lo: 0, hi: 0 };
  return { kind: "sum", vector: 0, elements: "f32", ...place, payload };
}

const isHere = ([name]: readonly [string, unknown]) => name !== BESIDE || hasSharedMemory;
describe.skip.each(makers.filter((maker) => !isHere(maker)))("a link %s", () => {
  test(`keeps the same contract ${NEEDS_SHARED_MEMORY}`, () => undefined);
});

describe.each(makers.filter(isHere))("a link %s", (name, make) => {
  test("delivers messages and tensors in order, in both directions", async () => {
    await using pair = await make();
    const near = new Heard(pair.near);
    const far = new Heard(pair.far);
    for (let i = 0; i < 20; i++) {
      pair.near.send(linked(i));
      void pair.near.sendTensor(tensor(i, new Uint8Array(4 * (i + 1)).fill(i)));
      pair.far.send(linked(100 + i));
    }
    await Promise.all([near.atLeast(20), far.atLeast(40)]);
    expect(near.events).toEqual(Array.from({ length: 20 }, (_, i) => linked(100 + i)));
    far.events.forEach((event, i) => {
      const step = Math.floor(i / 2);
      if (i % 2 === 0) expect(event).toEqual(linked(step));
      else expect(event).toMatchObject({ kind: "sum", step });
    });
  });

  test("delivers what came before anyone listened, the close last", async () => {
    await using pair = await make();
    const near = new Heard(pair.near);
    pair.near.send(linked(1));
    pair.near.send(linked(2));
    pair.near.close("that was all");
    if (name === "in memory") await near.closed;
    const far = new Heard(pair.far);
    expect(await far.closed).toBe("closed by peer: that was all");
    expect(far.events.slice(0, 2)).toEqual([linked(1), linked(2)]);
    expect(far.events).toHaveLength(3);
  });

  test("keeps a payload's bits, also from shared memory at an odd place", async () => {
    await using pair = await make();
    new Heard(pair.near);
    const far = new Heard(pair.far);
    const shared = new Uint8Array(new SharedArrayBuffer(1_048_576 + 3)).subarray(3);
    for (let i = 0; i < shared.length; i++) shared[i] = (i * 7) & 255;
    await pair.near.sendTensor(tensor(5, shared));
    await far.atLeast(1);
    const [event] = far.events;
    expect(Buffer.from((event as TensorFrame).payload).equals(Buffer.from(shared))).toBe(true);
  });

  test("has let go of a payload when sendTensor's promise is kept", async () => {
    await using pair = await make();
    new Heard(pair.near);
    const far = new Heard(pair.far);
    const payload = new Uint8Array(1_048_576).fill(1);
    for (let i = 0; i < 8; i++) {
      await pair.near.sendTensor(tensor(i, payload));
      payload.fill(2 + i);
    }
    await far.atLeast(8);
    const firstBytes = far.events.map((event) => (event as TensorFrame).payload[0]);
    expect(firstBytes).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test("delivers all that was sent before it was closed", async () => {
    await using pair = await make();
    new Heard(pair.near);
    const payload = new Uint8Array(1_048_576);
    const left = Array.from({ length: 12 }, (_, i) => pair.near.sendTensor(tensor(i, payload)));
    pair.near.send(linked(7));
    pair.near.close("done");
    const far = new Heard(pair.far);
    await far.closed;
    await Promise.all(left);
    expect(far.events).toHaveLength(14);
    expect(far.events.slice(-2)).toEqual([linked(7), "closed by peer: done"]);
  });

  test("tells the one who closes it once, with the reason given", async () => {
    await using pair = await make();
    const near = new Heard(pair.near);
    const far = new Heard(pair.far);
    pair.near.close("enough");
    pair.near.close("again");
    expect(await near.closed).toBe("enough");
    await far.closed;
    expect(near.events).toEqual(["enough"]);
  });

  test("lets go of all that has not left when it is cut, though the peer reads nothing", async () => {
    await using pair = await make();
    const near = new Heard(pair.near);
    const payload = new Uint8Array(1_048_576);
    const left = Array.from({ length: 32 }, (_, i) => pair.near.sendTensor(tensor(i, payload)));
    pair.near.send(linked(7));
    pair.near.cut("of no use any more");
    pair.near.cut("again");
    await Promise.all(left);
    expect(near.events).toEqual(["of no use any more"]);
    const far = new Heard(pair.far);
    expect(await far.closed).toMatch(/^connection lost/);
    expect(far.events).not.toContainEqual(linked(7));
  });

  test("can be cut while it closes, and says why it was closed", async () => {
    await using pair = await make();
    const near = new Heard(pair.near);
    const payload = new Uint8Array(1_048_576);
    const left = Array.from({ length: 32 }, (_, i) => pair.near.sendTensor(tensor(i, payload)));
    pair.near.close("enough");
    pair.near.cut("nobody waits for it");
    await Promise.all(left);
    expect(near.events).toEqual(["enough"]);
  });

  test("delivers nothing to the one who closed it", async () => {
    await using pair = await make();
    const near = new Heard(pair.near);
    const far = new Heard(pair.far);
    pair.far.send(linked(1));
    pair.near.close("not listening");
    await Promise.all([near.closed, far.closed]);
    expect(near.events).toEqual(["not listening"]);
  });

  test("takes what is sent after the close, and drops it", async () => {
    await using pair = await make();
    const near = new Heard(pair.near);
    const far = new Heard(pair.far);
    pair.near.close("over");
    pair.near.send(linked(1));
    await pair.near.sendTensor(tensor(1, new Uint8Array(4)));
    await Promise.all([near.closed, far.closed]);
    pair.far.send(linked(1));
    await pair.far.sendTensor(tensor(1, new Uint8Array(4)));
    expect(far.events).toEqual(["closed by peer: over"]);
  });
});
