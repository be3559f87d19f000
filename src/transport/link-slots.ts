import { encodeSlotFree, slotMessageKind } from "../protocol/slot-frame.ts";
import type { TensorFrame } from "../protocol/tensor-frame.ts";
import type { SlotFile } from "./slot-file.ts";
import { SlotReceiver } from "./slot-receiver.ts";
import { SlotSender } from "./slot-sender.ts";

/** What the slots of a link work with. */
export interface LinkSlotsOptions {
  /** Open at both ends; closed by `end`. */
  readonly file: SlotFile;
  /** Sends at once, past what waits. */
  sendNow(message: Uint8Array): void;
  /** There is no memory left for payloads: the socket takes them. Told once. */
  onFull(): void;
  /** The peer has cut the file short. */
  onBroken(): void;
}

/** What a message about slots was. */
export type SlotNews =
  | { readonly kind: "frame"; readonly frame: TensorFrame }
  /** A slot has come back, or a frame that nobody was to hear has been given back. */
  | { readonly kind: "heard" };

/** Both directions of the slots of one link: payloads lie there, their headers come over the socket. */
export class LinkSlots {
  readonly sender: SlotSender;
  readonly #receiver: SlotReceiver;
  readonly #file: SlotFile;

  constructor({ file, sendNow, onFull, onBroken }: LinkSlotsOptions) {
    this.#file = file;
    this.sender = new SlotSender(file, onFull);
    // At once: behind a frame that waits for a slot itself, both ends could wait for each other.
    const giveBack = (slotIndex: number) => sendNow(encodeSlotFree(slotIndex));
    this.#receiver = new SlotReceiver({ file, giveBack, onBroken });
  }

  /**
   * Hears a message if it is about slots.
   *
   * @param isListening whether somebody will hear the frame that it may be.
   * @returns undefined when it is something else.
   * @throws {TrainerError} ERR_PROTOCOL.
   */
  hear(message: Uint8Array, isListening: boolean): SlotNews | undefined {
    const kind = slotMessageKind(message);
    if (kind === "frame" && isListening) return { kind, frame: this.#receiver.take(message) };
    if (kind === "frame") this.#receiver.discard(message);
    else if (kind === "free") this.sender.takeBack(message);
    else return undefined;
    return { kind: "heard" };
  }

  /** What came and was not read stays readable; the file is closed. */
  end(): void {
    this.#receiver.copyAllAside();
    this.#file.close();
  }
}
