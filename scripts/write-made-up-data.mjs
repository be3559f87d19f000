// A data folder as nanoGPT writes it, for runs whose speed or survival is asked for, not their loss.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { seededRandom } from "../dist/base/random.js";

const NUM_TOKENS = 60_000;

/** Tokens of which each mostly decides the next; vocabulary of 24. */
export function writeMadeUpData(folder) {
  mkdirSync(folder, { recursive: true });
  const random = seededRandom(11);
  const tokens = new Uint16Array(NUM_TOKENS);
  for (let i = 1; i < tokens.length; i++) {
    tokens[i] = random.uniform() < 0.8 ? (tokens[i - 1] * 5 + 3) % 24 : random.uint32() % 24;
  }
  writeFileSync(join(folder, "train.bin"), tokens.subarray(0, 55_000));
  writeFileSync(join(folder, "val.bin"), tokens.subarray(55_000));
}
