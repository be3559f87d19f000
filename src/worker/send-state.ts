import { digestWithPauses } from "../base/digest.ts";
import type { Link } from "../protocol/link.ts";
import { type StateVectors, stateFrames } from "../protocol/state-frames.ts";
import { sumFrames } from "../protocol/sum-frames.ts";

/** Sends a copy of a committed step's sum. @param buffer f32[numParams + 1]. */
export async function sendSum(link: Link, step: number, buffer: SharedArrayBuffer): Promise<void> {
  // One frame at a time: in a star the exchange's frames go over the same link, four at a time.
  for (const frame of sumFrames(step, new Float32Array(buffer))) await link.sendTensor(frame);
}

/**
 * Sends a copy of the state, and the digest of its parameters after the last frame.
 *
 * @param buffer f32[3 · numParams]: parameters, first moments, second moments; must not change meanwhile.
 */
export async function sendSnapshot(
  link: Link,
  step: number,
  buffer: SharedArrayBuffer,
): Promise<void> {
  const vectorBytes = buffer.byteLength / 3;
  const numParams = vectorBytes / Float32Array.BYTES_PER_ELEMENT;
  const vector = (i: number) => new Float32Array(buffer, i * vectorBytes, numParams);
  const state: StateVectors = [vector(0), vector(1), vector(2)];
  for (const frame of stateFrames(step, state)) await link.sendTensor(frame);
  // This thread answers heartbeats, too: the digest of a gigabyte takes longer than it may be silent.
  link.send({ type: "digest", step, digest: await digestWithPauses(state[0]) });
}
