import { floatsToBytes } from "../base/bytes.ts";
import type { ElementType } from "../protocol/tensor-frame.ts";
import type { VectorKernels } from "./vector-kernels.ts";

/**
 * Writes what a frame carried to where it belongs.
 *
 * @param destination where `kernels` work; as many floats as `payload` has elements.
 */
export function writePayload(
  destination: Float32Array,
  payload: Uint8Array,
  elements: ElementType,
  kernels: VectorKernels,
): void {
  // As bytes: the payload may be unaligned.
  if (elements === "f32") {
    floatsToBytes(destination).set(payload);
    return;
  }
  // Into the second half, from which it is widened in place: no other memory is touched.
  const { buffer, byteOffset, length } = destination;
  const packed = new Uint16Array(buffer, byteOffset + 2 * length, length);
  new Uint8Array(buffer, packed.byteOffset, packed.byteLength).set(payload);
  kernels.unpackBf16(destination, packed);
}

/**
 * The payload of a bf16 frame, in memory of its own.
 *
 * @param scratch where `kernels` work, at least `floats.length` floats; overwritten.
 */
export function packPayload(
  floats: Float32Array,
  scratch: Float32Array,
  kernels: VectorKernels,
): Uint8Array {
  const packed = new Uint16Array(scratch.buffer, scratch.byteOffset, floats.length);
  kernels.packBf16(packed, floats);
  return new Uint8Array(packed.buffer, packed.byteOffset, packed.byteLength).slice();
}
