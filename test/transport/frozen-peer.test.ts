import { expect, test } from "vitest";
import type { TensorFrame } from "../../src/protocol/tensor-frame.ts";
import { FakeClock } from "../fake-clock.ts";
import { socketPair } from "./socket-pair.ts";

const PAYLOAD = new Uint8Array(1_048_576);

/** More than sockets, kernels and slots take without a reader. */
const NUM_FRAMES = 64;

const frameOf = (step: number): TensorFrame => ({
  ...{ kind: "sum", vector: 0, elements: "f32", payload: PAYLOAD },
  ...{ generation: 1, step, offset: 0, lo: 0, hi: 0 },
});

test("a link that closes waits for a frozen peer no longer than any link believes in silence", async () => {
  const clock = new FakeClock();
  await using pair = await socketPair({ clock });
  const closed = new Promise<string>((resolve) => {
    pair.near.listen({ onMessage: () => undefined, onTensor: () => undefined, onClose: resolve });
  });
  // Nobody ever listens at the far end: it reads nothing and shows no sign of life.
  const left = Array.from({ length: NUM_FRAMES }, (_, i) => pair.near.sendTensor(frameOf(i)));
  pair.near.close("not a member any more");
  clock.advance(3000);
  await Promise.all(left);
  expect(await closed).toBe("not a member any more");
});
