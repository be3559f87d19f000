import { TrainerError } from "../base/errors.ts";
import { decodeTensorHeader } from "./decode.ts";
import { encodeTensorHeader } from "./encode.ts";
import type { TensorFrame } from "./tensor-frame.ts";
import { payloadBytesOf } from "./unread-payload.ts";
import { FREE_MAGIC, SLOT_MAGIC, TENSOR_HEADER_BYTES } from "./wire.ts";

/** A tensor frame whose payload lies in a slot of a file that both ends of a link have open. */
export interface SlotFrame {
  readonly slotIndex: number;
  readonly payloadBytes: number;
  readonly header: Omit<TensorFrame, "payload">;
}

/** Bytes before the tensor header: the magic, the slot's index, the payload's bytes, 0. */
const PREFIX_BYTES = 16;

/** "The payload of this frame lies in slot `slotIndex`": 48 bytes, with the tensor header last. */
export function encodeSlotFrame(frame: TensorFrame, slotIndex: number): Uint8Array {
  const bytes = Buffer.alloc(PREFIX_BYTES + TENSOR_HEADER_BYTES);
  bytes.write(SLOT_MAGIC, "latin1");
  bytes.writeUInt32LE(slotIndex, 4);
  bytes.writeUInt32LE(payloadBytesOf(frame), 8);
  bytes.set(encodeTensorHeader(frame), PREFIX_BYTES);
  return bytes;
}

/** Whether a message is a slot frame or gives slots back: the first bytes decide. */
export function slotMessageKind(bytes: Uint8Array): "frame" | "free" | undefined {
  const magic = String.fromCharCode(...bytes.subarray(0, 4));
  if (magic === SLOT_MAGIC) return "frame";
  return magic === FREE_MAGIC ? "free" : undefined;
}

/**
 * Reads what `encodeSlotFrame` wrote.
 *
 * @throws {TrainerError} ERR_PROTOCOL when it is no such message, or a slot of `numSlots` is not named.
 */
export function decodeSlotFrame(bytes: Uint8Array, numSlots: number): SlotFrame {
  if (bytes.byteLength !== PREFIX_BYTES + TENSOR_HEADER_BYTES) {
    throw new TrainerError("ERR_PROTOCOL", `a slot frame of ${bytes.byteLength} bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const payloadBytes = view.getUint32(8, true);
  if (view.getUint32(12, true) !== 0) {
    throw new TrainerError("ERR_PROTOCOL", "a slot frame whose reserved bytes are not 0");
  }
  return {
    slotIndex: checkedSlot(view.getUint32(4, true), numSlots),
    payloadBytes,
    header: decodeTensorHeader(bytes.subarray(PREFIX_BYTES), payloadBytes),
  };
}

/** "What lay in slot `slotIndex` has been read": 8 bytes. */
export function encodeSlotFree(slotIndex: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.write(FREE_MAGIC, "latin1");
  bytes.writeUInt32LE(slotIndex, 4);
  return bytes;
}

/**
 * Reads what `encodeSlotFree` wrote.
 *
 * @throws {TrainerError} ERR_PROTOCOL.
 */
export function decodeSlotFree(bytes: Uint8Array, numSlots: number): number {
  if (bytes.byteLength !== 8) {
    throw new TrainerError("ERR_PROTOCOL", `a message of ${bytes.byteLength} bytes frees a slot`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return checkedSlot(view.getUint32(4, true), numSlots);
}

function checkedSlot(slotIndex: number, numSlots: number): number {
  if (slotIndex < numSlots) return slotIndex;
  throw new TrainerError("ERR_PROTOCOL", `slot ${slotIndex}, but there are ${numSlots}`);
}
