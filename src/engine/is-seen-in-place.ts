import { defined } from "../base/assert.ts";
import type { TensorflowBinding } from "./tensorflow-binding.ts";

/** Floats of TensorFlow's alignment, 64 bytes: a tensor that begins elsewhere is a copy. */
export const ALIGNED_FLOATS = 16;

/** The bits of a NaN that no computation gives: nobody else writes it meanwhile. */
const MARK = 0x7fc5_a11e;

/**
 * Whether a tensor of these numbers would be a view of them, rather than a copy: tried out on the first
 * one, which is marked and put back. Asked only of memory that never moves or grows, WebAssembly's shared
 * one.
 *
 * What another thread writes there meanwhile stays, a state on its way for example; the answer may then be
 * no where yes is right, which costs a copy.
 */
export function isSeenInPlace(binding: TensorflowBinding, numbers: Float32Array): boolean {
  if (!(numbers.buffer instanceof SharedArrayBuffer)) return false;
  const probe = numbers.subarray(0, ALIGNED_FLOATS);
  const bits = new Int32Array(probe.buffer, probe.byteOffset, 1);
  const id = binding.createTensor([probe.length], binding.TF_FLOAT, probe);
  const first = Atomics.exchange(bits, 0, MARK);
  const seen = binding.tensorDataSync(id);
  Atomics.compareExchange(bits, 0, MARK, first);
  binding.deleteTensor(id);
  return defined(new Int32Array(seen.buffer, seen.byteOffset, 1)[0], "a number") === MARK;
}
