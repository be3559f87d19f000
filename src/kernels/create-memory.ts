import { assert } from "../base/assert.ts";
import { TrainerError } from "../base/errors.ts";
import { type SharedMemory, webAssembly } from "./web-assembly.ts";

const PAGE_BYTES = 2 ** 16;
/** WebAssembly addresses memory with 32 bits; the kernels declare the same limit. */
const MAX_BYTES = 2 ** 32;

/**
 * A shared memory of at least `bytes`, all zeros, that never grows: so its buffer never changes.
 *
 * @throws {TrainerError} ERR_MEMORY past 4 GiB, or when the system refuses.
 */
export function createMemory(bytes: number): SharedMemory {
  assert(Number.isFinite(bytes) && bytes >= 0, `a memory of ${bytes} bytes`);
  if (bytes > MAX_BYTES) {
    throw new TrainerError(
      "ERR_MEMORY",
      `The vectors of this model need ${mebibytes(bytes)} in each worker's WebAssembly memory, ` +
        `which holds at most ${mebibytes(MAX_BYTES)}. Use a smaller model: fewer numLayers, a ` +
        "smaller embeddingSize or vocabSize.",
    );
  }
  const pages = Math.max(1, Math.ceil(bytes / PAGE_BYTES));
  try {
    return new webAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  } catch (cause) {
    throw new TrainerError(
      "ERR_MEMORY",
      `The system refused ${mebibytes(pages * PAGE_BYTES)} of shared memory for this model's ` +
        "vectors. Run fewer workers on this machine, raise its memory limit (`ulimit -v`, the " +
        "container's limit), or use a smaller model.",
      { cause },
    );
  }
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
