import type { TensorFrame } from "./tensor-frame.ts";

/** A payload that has come but has not been copied: it lies where its sender wrote it. */
export interface UnreadPayload {
  readonly byteLength: number;
  /** Copies it, once, to where it belongs, and gives its place back to the sender. */
  copyTo(target: Uint8Array): void;
}

/** The part of a frame that is looked at here. */
type Carrier = Pick<TensorFrame, "payload" | "unread" | "lent">;

/** Bytes of a frame's payload; nothing is copied or made. */
export function payloadBytesOf(frame: Carrier): number {
  return (frame.unread ?? frame.lent ?? frame.payload).byteLength;
}

/**
 * Copies a frame's payload to where it belongs, from wherever it lies. Once for each frame.
 *
 * @param target as many bytes as the payload has.
 */
export function copyPayload(frame: Carrier, target: Uint8Array): void {
  if (frame.unread === undefined) target.set(frame.payload);
  else frame.unread.copyTo(target);
}
