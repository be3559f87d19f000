import { MAX_FRAME_FLOATS } from "../protocol/limits.ts";
import type { TensorFrame } from "../protocol/tensor-frame.ts";
import { dial } from "../transport/dial.ts";

/** Where to send, and for how long. */
export interface FrameStream {
  /** On 127.0.0.1. */
  readonly port: number;
  readonly sendMs: number;
}

/** Frames under way: enough that the socket never waits for the sender. */
const NUM_UNDER_WAY = 4;

/**
 * Sends frames of zeros for some time, as fast as the link takes them.
 *
 * @throws {TrainerError} those of `dial`.
 */
export async function sendFrames({ port, sendMs }: FrameStream): Promise<null> {
  const link = await dial({ host: "127.0.0.1", port });
  const closed = new Promise<void>((resolve) => {
    const listener = { onMessage: () => undefined, onTensor: () => undefined };
    link.listen({ ...listener, onClose: () => resolve() });
  });
  const payload = new Uint8Array(MAX_FRAME_FLOATS * Float32Array.BYTES_PER_ELEMENT);
  const frame: TensorFrame = {
    ...{
      kind: "state",
      elements: "f32",
      vector: 0,
      generation: 0,
      step: 0,
      offset: 0,
      lo: 0,
      hi: 0,
    },
    payload,
  };
  const endMs = performance.now() + sendMs;
  async function sendUntilEnd(): Promise<void> {
    while (performance.now() < endMs) await link.sendTensor(frame);
  }
  await Promise.all(Array.from({ length: NUM_UNDER_WAY }, sendUntilEnd));
  link.close("measured");
  await closed;
  return null;
}
