import type { Configuration } from "../configuration/configuration.ts";
import type { TokenStore } from "../data/token-store.ts";
import { windowStarts } from "../data/window-starts.ts";
import type { LeafRange } from "../protocol/messages.ts";

/** Steps whose tokens are kept: those assigned, for a new generation, and the next. */
const NUM_CACHED_STEPS = 4;

/** Reads the tokens of steps from the training part, one step ahead of the asking. */
export class TokenFeed {
  readonly #store: TokenStore;
  readonly #configuration: Configuration;
  /** uint32[batchSize · (contextLength + 1)] by step. */
  readonly #steps = new Map<number, Promise<Uint32Array>>();

  constructor(store: TokenStore, configuration: Configuration) {
    this.#store = store;
    this.#configuration = configuration;
  }

  /**
   * The tokens of some leaves of a step, for `assign`: uint32 little-endian.
   *
   * @throws {TrainerError} ERR_DATA_DAMAGED.
   */
  async leaves(step: number, ranges: readonly LeafRange[]): Promise<readonly Uint8Array[]> {
    const tokens = await this.#step(step);
    // Failures of what nobody has asked for yet are met when somebody does.
    this.#step(step + 1).catch(() => undefined);
    const { microBatchSize, contextLength } = this.#configuration;
    const leafTokens = microBatchSize * (contextLength + 1);
    return ranges.map(({ lo, hi }) => asBytes(tokens.subarray(lo * leafTokens, hi * leafTokens)));
  }

  #step(step: number): Promise<Uint32Array> {
    const cached = this.#steps.get(step);
    if (cached !== undefined) return cached;
    const tokens = this.#read(step);
    this.#steps.set(step, tokens);
    for (const old of this.#steps.keys()) {
      if (this.#steps.size <= NUM_CACHED_STEPS) break;
      this.#steps.delete(old);
    }
    return tokens;
  }

  async #read(step: number): Promise<Uint32Array> {
    const { batchSize, contextLength, seed } = this.#configuration;
    const { numTokens } = this.#store;
    const starts = windowStarts({ numTokens, contextLength, seed, step, batchSize });
    const rowLength = contextLength + 1;
    const tokens = new Uint32Array(batchSize * rowLength);
    const rows = [...starts].map(async (start, i) => {
      tokens.set(await this.#store.read(start, rowLength), i * rowLength);
    });
    await Promise.all(rows);
    return tokens;
  }
}

/** uint32 little-endian bytes, without a copy. */
export function asBytes(tokens: Uint32Array): Uint8Array {
  return new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength);
}
