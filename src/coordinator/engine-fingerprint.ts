import type { Prepared } from "../protocol/messages.ts";

/**
 * What a worker computes with, as far as the bits of its results depend on it: engine, library with its
 * version, kind of device. All GPUs of a host are one kind: "gpu:0" and "gpu:3" compare equal.
 */
export function engineFingerprint({ engine, runtime, device }: Prepared): string {
  return `${engine} (${runtime}) on ${device.replace(/:\d+$/, "")}`;
}
