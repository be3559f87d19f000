import { endianness } from "node:os";
import { assert } from "./assert.ts";

assert(endianness() === "LE", "smallinit needs a little-endian machine");

/** The bytes of `floats`, little-endian, without a copy. */
export function floatsToBytes(floats: Float32Array): Uint8Array {
  return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
}

/** Little-endian f32 `bytes` as floats: a view where they are aligned, else a copy. */
export function bytesToFloats(bytes: Uint8Array): Float32Array {
  assert(bytes.byteLength % 4 === 0, `${bytes.byteLength} bytes are not whole floats`);
  // Not `slice`: a Buffer's makes no copy.
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
}
