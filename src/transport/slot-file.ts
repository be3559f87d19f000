import { closeSync, readSync, writeSync } from "node:fs";
import { assert } from "../base/assert.ts";
import { MAX_FRAME_FLOATS } from "../protocol/limits.ts";

/** Slots in each direction: enough that sender and receiver both have some to work on. */
export const NUM_SLOTS = 8;

/** The longest payload of a tensor frame. */
export const SLOT_BYTES = MAX_FRAME_FLOATS * Float32Array.BYTES_PER_ELEMENT;

/** What stands before the slots, with the nonce at its start: a page, so that slots begin at pages. */
export const SLOT_FILE_HEADER_BYTES = 4096;

/** A whole file: its slots take memory only once they have been written. */
export const SLOT_FILE_BYTES = SLOT_FILE_HEADER_BYTES + 2 * NUM_SLOTS * SLOT_BYTES;

/**
 * An open file in memory with slots for the payloads of one link, both ways.
 *
 * Read and written by system calls, never mapped: a peer that cuts the file short makes a read end
 * early, not this process.
 */
export class SlotFile {
  readonly #descriptor: number;
  readonly #outFrom: number;
  readonly #inFrom: number;
  #state: "open" | "closed" = "open";

  /** @param side the maker writes into the first half and reads from the second, the finder vice versa. */
  constructor(descriptor: number, side: "maker" | "finder") {
    this.#descriptor = descriptor;
    const halves = [
      SLOT_FILE_HEADER_BYTES,
      SLOT_FILE_HEADER_BYTES + NUM_SLOTS * SLOT_BYTES,
    ] as const;
    [this.#outFrom, this.#inFrom] = side === "maker" ? halves : [halves[1], halves[0]];
  }

  /** Copies `payload` into one of our slots. @returns false when there is no memory for it. */
  write(slotIndex: number, payload: Uint8Array): boolean {
    assert(this.#state === "open" && payload.byteLength <= SLOT_BYTES, "a slot of that size");
    const position = this.#outFrom + slotIndex * SLOT_BYTES;
    return isWhole(payload, () =>
      writeSync(this.#descriptor, payload, 0, payload.byteLength, position),
    );
  }

  /** Copies from one of the peer's slots. @returns false when the file has been cut short. */
  read(slotIndex: number, target: Uint8Array): boolean {
    assert(this.#state === "open" && target.byteLength <= SLOT_BYTES, "a slot of that size");
    const position = this.#inFrom + slotIndex * SLOT_BYTES;
    return isWhole(target, () =>
      readSync(this.#descriptor, target, 0, target.byteLength, position),
    );
  }

  /** Idempotent. */
  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    closeSync(this.#descriptor);
  }
}

/** Whether a system call moved all bytes; one that fails (ENOSPC, EIO) moved none. */
function isWhole({ byteLength }: Uint8Array, call: () => number): boolean {
  try {
    return call() === byteLength;
  } catch (error) {
    if (error instanceof Error && "syscall" in error) return false;
    throw error;
  }
}
