import { defined } from "../base/assert.ts";
import type { TensorflowBinding } from "./tensorflow-binding.ts";

/** Floats of TensorFlow's alignment, 64 bytes: a tensor that begins elsewhere is a copy. */
export const ALIGNED_FLOATS = 16;

/**
 * Whether a tensor of these numbers would be a view of them, rather than a copy: tried out on the first
 * few. Asked only of memory that never moves or grows, WebAssembly's shared one.
 */
export function isSeenInPlace(binding: TensorflowBinding, numbers: Float32Array): boolean {
  if (!(numbers.buffer instanceof SharedArrayBuffer)) return false;
  const probe = numbers.subarray(0, ALIGNED_FLOATS);
  const first = defined(probe[0], "a number");
  const id = binding.createTensor([probe.length], binding.TF_FLOAT, probe);
  const other = first === 1 ? 2 : 1;
  probe[0] = other;
  const isSeen = binding.tensorDataSync(id)[0] === other;
  probe[0] = first;
  binding.deleteTensor(id);
  return isSeen;
}
