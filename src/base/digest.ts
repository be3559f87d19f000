import { createHash } from "node:crypto";
import { floatsToBytes } from "./bytes.ts";

/** SHA-256 of a flat f32 vector, little-endian, as 64 hexadecimal digits. */
export function digestOf(vector: Float32Array): string {
  return createHash("sha256").update(floatsToBytes(vector)).digest("hex");
}
