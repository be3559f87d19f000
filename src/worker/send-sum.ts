import type { Link } from "../protocol/link.ts";
import { sumFrames } from "../protocol/sum-frames.ts";

/** Sends a copy of a committed step's sum. @param buffer f32[numParams + 1]. */
export async function sendSum(link: Link, step: number, buffer: SharedArrayBuffer): Promise<void> {
  // One frame at a time: in a star the exchange's frames go over the same link, four at a time.
  for (const frame of sumFrames(step, new Float32Array(buffer))) await link.sendTensor(frame);
}
