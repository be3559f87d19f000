import { floatsToBytes } from "../base/bytes.ts";
import type { TensorFrame } from "../protocol/tensor-frame.ts";
import { copyPayload } from "../protocol/unread-payload.ts";
import type { VectorKernels } from "./vector-kernels.ts";

/** What `writePayload` needs of a frame. */
export type Carried = Pick<TensorFrame, "elements" | "payload" | "unread">;

/**
 * Writes what a frame carried to where it belongs.
 *
 * @param destination where `kernels` work; as many floats as the payload has elements.
 */
export function writePayload(
  destination: Float32Array,
  frame: Carried,
  kernels: VectorKernels,
): void {
  // As bytes: the payload may be unaligned.
  if (frame.elements === "f32") {
    copyPayload(frame, floatsToBytes(destination));
    return;
  }
  // Into the second half, from which it is widened in place: no other memory is touched.
  const { buffer, byteOffset, length } = destination;
  const packed = new Uint16Array(buffer, byteOffset + 2 * length, length);
  copyPayload(frame, new Uint8Array(buffer, packed.byteOffset, packed.byteLength));
  kernels.unpackBf16(destination, packed);
}

/**
 * The payload of a bf16 frame, in `scratch`: copy it or write it at once.
 *
 * @param scratch where `kernels` work, at least `floats.length` floats; overwritten.
 */
export function packPayload(
  floats: Float32Array,
  scratch: Float32Array,
  kernels: VectorKernels,
): Uint8Array {
  const packed = packInto(scratch, floats, kernels);
  return new Uint8Array(packed.buffer, packed.byteOffset, packed.byteLength);
}

/** Rounds floats to bf16 where they are: to what the others get by way of `packPayload`. */
export function roundToBf16(
  floats: Float32Array,
  scratch: Float32Array,
  kernels: VectorKernels,
): void {
  kernels.unpackBf16(floats, packInto(scratch, floats, kernels));
}

function packInto(
  scratch: Float32Array,
  floats: Float32Array,
  kernels: VectorKernels,
): Uint16Array {
  const packed = new Uint16Array(scratch.buffer, scratch.byteOffset, floats.length);
  kernels.packBf16(packed, floats);
  return packed;
}
