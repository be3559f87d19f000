import { assert } from "../base/assert.ts";
import { TrainerError } from "../base/errors.ts";
import { decodeSlotFrame } from "../protocol/slot-frame.ts";
import type { TensorFrame } from "../protocol/tensor-frame.ts";
import type { UnreadPayload } from "../protocol/unread-payload.ts";
import { NUM_SLOTS, type SlotFile } from "./slot-file.ts";

/**
 * Frames that may keep their slots: the others are copied aside, the oldest first. So the sender always
 * gets slots back, whatever those who hear the frames wait for.
 */
const NUM_UNREAD_MAX = NUM_SLOTS / 2;

/** What a receiver tells its link. */
export interface SlotReceiverOptions {
  readonly file: SlotFile;
  /** The slot has been read: tell the peer. */
  giveBack(slotIndex: number): void;
  /** The peer has cut the file short; what should have been read is NaN. */
  onBroken(): void;
}

/** Makes frames of what the peer put into slots; payloads stay there until they are asked for. */
export class SlotReceiver {
  readonly #options: SlotReceiverOptions;
  /** By slot, the oldest first. */
  readonly #unread = new Map<number, SlotPayload>();

  constructor(options: SlotReceiverOptions) {
    this.#options = options;
  }

  /** @throws {TrainerError} ERR_PROTOCOL, also when the slot was never given back. */
  take(message: Uint8Array): TensorFrame {
    const { slotIndex, payloadBytes, header } = decodeSlotFrame(message, NUM_SLOTS);
    if (this.#unread.has(slotIndex)) {
      throw new TrainerError("ERR_PROTOCOL", `slot ${slotIndex} has not been given back yet`);
    }
    const unread = new SlotPayload(payloadBytes, (target) => this.#read(slotIndex, target));
    this.#unread.set(slotIndex, unread);
    for (const oldest of this.#unread.values()) {
      if (this.#unread.size <= NUM_UNREAD_MAX) break;
      oldest.copyAside();
    }
    return {
      ...header,
      unread,
      get payload() {
        return unread.copyAside();
      },
    };
  }

  /** Gives a slot back unread: nobody will hear its frame. @throws {TrainerError} ERR_PROTOCOL. */
  discard(message: Uint8Array): void {
    this.#options.giveBack(decodeSlotFrame(message, NUM_SLOTS).slotIndex);
  }

  /** Copies aside all that has not been read: the file is about to be closed. */
  copyAllAside(): void {
    for (const payload of [...this.#unread.values()]) payload.copyAside();
  }

  #read(slotIndex: number, target: Uint8Array): void {
    this.#unread.delete(slotIndex);
    if (this.#options.file.read(slotIndex, target)) {
      this.#options.giveBack(slotIndex);
      return;
    }
    target.fill(0xff);
    this.#options.onBroken();
  }
}

/** A payload in a slot, then aside in memory of its own or where it belongs. */
class SlotPayload implements UnreadPayload {
  readonly byteLength: number;
  readonly #read: (target: Uint8Array) => void;
  #state: "in its slot" | "copied" = "in its slot";
  #aside: Uint8Array | undefined;

  constructor(byteLength: number, read: (target: Uint8Array) => void) {
    this.byteLength = byteLength;
    this.#read = read;
  }

  copyTo(target: Uint8Array): void {
    assert(target.byteLength === this.byteLength, `room for ${this.byteLength} bytes`);
    if (this.#state === "in its slot") {
      this.#state = "copied";
      this.#read(target);
      return;
    }
    assert(this.#aside !== undefined, "a payload is copied once");
    target.set(this.#aside);
  }

  copyAside(): Uint8Array {
    if (this.#aside !== undefined) return this.#aside;
    assert(this.#state === "in its slot", "a payload is copied once");
    this.#state = "copied";
    this.#aside = Buffer.allocUnsafeSlow(this.byteLength);
    this.#read(this.#aside);
    return this.#aside;
  }
}
