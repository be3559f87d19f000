import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";

/** Large reads keep hashing, not the file system's calls, the limit. */
const CHUNK_BYTES = 2 ** 20;

/** SHA-256 of a file as 64 hexadecimal digits, in constant memory. */
export async function fileDigest(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: CHUNK_BYTES }), hash);
  return hash.digest("hex");
}
