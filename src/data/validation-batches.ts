import type { TokenStore } from "./token-store.ts";
import { validationWindows } from "./validation-windows.ts";

/** Positions per batch: enough to keep an engine busy, few enough to spread over a fleet. */
const BATCH_POSITIONS = 2048;

/** The validation part cut into batches, the same whoever computes them and in whatever order. */
export interface ValidationBatches {
  readonly numBatches: number;
  /** Positions of all batches: what the sum of losses is divided by. */
  readonly numPositions: number;
  /** Reads one batch. @throws {TrainerError} ERR_DATA_DAMAGED. */
  read(batchIndex: number): Promise<ValidationBatch>;
}

/** Some windows of the validation part, one after another. */
export interface ValidationBatch {
  readonly numSequences: number;
  /** uint32[numSequences · (contextLength + 1)]. */
  readonly tokens: Uint32Array;
}

/**
 * Cuts a validation part. Only its length and the context decide how, never the fleet, so that a sum of
 * batch losses in order has the same bits everywhere.
 *
 * @throws {TrainerError} ERR_DATA_SHORT when not even one window fits.
 */
export function validationBatches(store: TokenStore, contextLength: number): ValidationBatches {
  const { numWindows, startOf } = validationWindows(store.numTokens, contextLength);
  const batchSize = Math.max(1, Math.floor(BATCH_POSITIONS / contextLength));
  return {
    numBatches: Math.ceil(numWindows / batchSize),
    numPositions: numWindows * contextLength,
    async read(batchIndex) {
      const first = batchIndex * batchSize;
      const numSequences = Math.min(batchSize, numWindows - first);
      const span = await store.read(startOf(first), numSequences * contextLength + 1);
      return { numSequences, tokens: overlappingRows(span, numSequences, contextLength) };
    },
  };
}

/** Rows of T + 1 tokens of a span; each row's last token is the next one's first. */
function overlappingRows(span: Uint32Array, numRows: number, contextLength: number): Uint32Array {
  const rows = new Uint32Array(numRows * (contextLength + 1));
  for (let row = 0; row < numRows; row++) {
    const start = row * contextLength;
    rows.set(span.subarray(start, start + contextLength + 1), row * (contextLength + 1));
  }
  return rows;
}
