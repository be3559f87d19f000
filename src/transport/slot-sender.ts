import { assert, defined } from "../base/assert.ts";
import { TrainerError } from "../base/errors.ts";
import { decodeSlotFree, encodeSlotFrame } from "../protocol/slot-frame.ts";
import type { TensorFrame } from "../protocol/tensor-frame.ts";
import { payloadBytesOf } from "../protocol/unread-payload.ts";
import { NUM_SLOTS, type SlotFile } from "./slot-file.ts";

/** Below this a payload is sooner sent with its header than put into a slot, which must be given back. */
const PAYLOAD_BYTES_MIN = 16 * 1024;

/** Puts payloads into slots, and knows which the peer has not given back. */
export class SlotSender {
  readonly #file: SlotFile;
  /** The last one given back is taken first: it is the likeliest to be in a cache. */
  readonly #free = Array.from({ length: NUM_SLOTS }, (_, slotIndex) => slotIndex);
  readonly #onFull: () => void;
  #state: "usable" | "full" = "usable";

  /** @param onFull told once, when there is no memory for a payload; then all take the socket. */
  constructor(file: SlotFile, onFull: () => void) {
    this.#file = file;
    this.#onFull = onFull;
  }

  /** Whether a frame should go by way of a slot, now or as soon as there is a free one. */
  suits(frame: TensorFrame): boolean {
    return this.#state === "usable" && payloadBytesOf(frame) >= PAYLOAD_BYTES_MIN;
  }

  get hasFreeSlot(): boolean {
    return this.#free.length > 0;
  }

  /**
   * Copies the payload of a frame that `suits` into a free slot.
   *
   * @returns the message that tells the peer; undefined when there is no memory for it.
   */
  put(frame: TensorFrame): Uint8Array | undefined {
    const slotIndex = defined(this.#free.pop(), "a free slot");
    const payload = frame.lent?.lend() ?? frame.payload;
    if (this.#file.write(slotIndex, payload)) return encodeSlotFrame(frame, slotIndex);
    this.#free.push(slotIndex);
    this.#state = "full";
    this.#onFull();
    return undefined;
  }

  /**
   * Takes a slot back by the peer's word.
   *
   * @throws {TrainerError} ERR_PROTOCOL when it does not hold it.
   */
  takeBack(message: Uint8Array): void {
    const slotIndex = decodeSlotFree(message, NUM_SLOTS);
    if (this.#free.includes(slotIndex)) {
      throw new TrainerError("ERR_PROTOCOL", `slot ${slotIndex} is given back, but was free`);
    }
    this.#free.push(slotIndex);
    assert(this.#free.length <= NUM_SLOTS, "more slots than there are");
  }
}
