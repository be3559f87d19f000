import type { WebSocket } from "ws";
import { encodeTensorHeader } from "../protocol/encode.ts";
import type { TensorFrame } from "../protocol/tensor-frame.ts";
import type { SlotSender } from "./slot-sender.ts";

/** Bytes that ws and the kernel are given ahead: some frames, so that the wire never runs dry. */
const AHEAD_BYTES = 4 * 2 ** 20;

/** Control messages that may wait for a peer that does not read; a step's tokens fit several times. */
const WAITING_BYTES_MAX = 64 * 2 ** 20;

/** Something that waits to be written. */
interface Item {
  /** Memory that is ours alone: tensors are views of the sender's. */
  readonly ownBytes: number;
  /** Whether it has to wait for a slot, which the peer will give back. */
  isBlocked(): boolean;
  /** Hands it to ws; `onLeft` is called when it has left, or cannot any more. */
  write(onLeft: () => void): void;
  /** Called when it has left or was dropped. */
  settle(): void;
}

/** Writes messages and frames to one WebSocket in order, a bounded number of bytes ahead. */
export class SendQueue {
  readonly #webSocket: WebSocket;
  readonly #cork: () => void;
  readonly #slots: SlotSender | undefined;
  #items: Item[] = [];
  #numInFlight = 0;
  #ownBytes = 0;
  #whenDrained: (() => void) | undefined;

  /**
   * @param options.cork holds back what is written until the end of the event loop's turn.
   * @param options.slots where large payloads go, when both ends are on one machine.
   */
  constructor(
    webSocket: WebSocket,
    { cork, slots }: { cork(): void; readonly slots?: SlotSender | undefined },
  ) {
    this.#webSocket = webSocket;
    this.#cork = cork;
    this.#slots = slots;
  }

  /** @returns false when the peer has left too much unread: it was not queued. */
  pushMessage(bytes: Uint8Array): boolean {
    if (this.#ownBytes + bytes.byteLength > WAITING_BYTES_MAX) return false;
    this.#push({
      ownBytes: bytes.byteLength,
      isBlocked: () => false,
      write: (onLeft) => this.#webSocket.send(bytes, { binary: true }, onLeft),
      settle: () => undefined,
    });
    return true;
  }

  /** @returns a promise kept when the payload has left, or never will. */
  pushTensor(frame: TensorFrame): Promise<void> {
    return new Promise((resolve) => {
      this.#push({
        ownBytes: 0,
        isBlocked: () => this.#slots?.suits(frame) === true && !this.#slots.hasFreeSlot,
        write: (onLeft) => this.#writeTensor(frame, onLeft),
        settle: resolve,
      });
    });
  }

  /** Bytes of control messages that have not left. */
  get ownBytes(): number {
    return this.#ownBytes;
  }

  /** Calls `action` once when all that was pushed has been handed to the socket. */
  onDrained(action: () => void): void {
    this.#whenDrained = action;
    this.#pump();
  }

  /** A slot has come back. */
  resume(): void {
    this.#pump();
  }

  /** Drops what has not been handed to the socket. */
  clear(): void {
    for (const item of this.#items.splice(0)) this.#settle(item);
  }

  #writeTensor(frame: TensorFrame, onLeft: () => void): void {
    this.#cork();
    const slotFrame = this.#slots?.suits(frame) === true ? this.#slots.put(frame) : undefined;
    if (slotFrame !== undefined) {
      this.#webSocket.send(slotFrame, { binary: true });
      onLeft();
      return;
    }
    // Two fragments of one message: nobody copies the payload to put the header before it.
    this.#webSocket.send(encodeTensorHeader(frame), { binary: true, fin: false });
    this.#webSocket.send(frame.payload, { binary: true, fin: true }, onLeft);
  }

  #push(item: Item): void {
    this.#ownBytes += item.ownBytes;
    this.#items.push(item);
    this.#pump();
  }

  #pump(): void {
    while (this.#numInFlight === 0 || this.#webSocket.bufferedAmount < AHEAD_BYTES) {
      const [item] = this.#items;
      if (item === undefined || item.isBlocked()) break;
      this.#items.shift();
      this.#numInFlight++;
      item.write(() => {
        this.#numInFlight--;
        this.#settle(item);
        this.#pump();
      });
    }
    if (this.#items.length > 0) return;
    this.#whenDrained?.();
    this.#whenDrained = undefined;
  }

  #settle(item: Item): void {
    this.#ownBytes -= item.ownBytes;
    item.settle();
  }
}
