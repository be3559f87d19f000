import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { floatsToBytes } from "./bytes.ts";

/** SHA-256 of a flat f32 vector, little-endian, as 64 hexadecimal digits. */
export function digestOf(vector: Float32Array): string {
  return createHash("sha256").update(floatsToBytes(vector)).digest("hex");
}

/**
 * `digestOf` for a thread that has others to answer: lets them in between every few milliseconds.
 *
 * @param vector must not change meanwhile.
 */
export async function digestWithPauses(vector: Float32Array): Promise<string> {
  const hash = createHash("sha256");
  const bytes = floatsToBytes(vector);
  for (let begin = 0; begin < bytes.byteLength; begin += PIECE_BYTES) {
    hash.update(bytes.subarray(begin, begin + PIECE_BYTES));
    await setImmediate();
  }
  return hash.digest("hex");
}

/** SHA-256 takes 2 to 10 ms for these, by machine. */
const PIECE_BYTES = 2 ** 22;
