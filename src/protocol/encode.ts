import { Packr } from "msgpackr";
import { assert } from "../base/assert.ts";
import { MAX_FRAME_FLOATS, MAX_MESSAGE_BYTES } from "./limits.ts";
import type { Message } from "./messages.ts";
import type { TensorFrame } from "./tensor-frame.ts";
import { payloadBytesOf } from "./unread-payload.ts";
import {
  ELEMENT_BYTES,
  ELEMENT_TYPES,
  KINDS,
  MESSAGE_MAGIC,
  TENSOR_HEADER_BYTES,
  TENSOR_MAGIC,
} from "./wire.ts";

const packr = new Packr({ useRecords: false });
const MESSAGE_MAGIC_BYTES = asciiBytes(MESSAGE_MAGIC);
const TENSOR_MAGIC_BYTES = asciiBytes(TENSOR_MAGIC);

/** The bytes of a control message: "SIC1", then MessagePack. */
export function encodeMessage(message: Message): Uint8Array {
  const packed = packr.pack(message);
  const bytes = new Uint8Array(MESSAGE_MAGIC.length + packed.byteLength);
  bytes.set(MESSAGE_MAGIC_BYTES);
  bytes.set(packed, MESSAGE_MAGIC.length);
  assert(bytes.byteLength <= MAX_MESSAGE_BYTES, `${message.type} has ${bytes.byteLength} bytes`);
  return bytes;
}

/** The 32 bytes that go before `frame.payload`. */
export function encodeTensorHeader(frame: TensorFrame): Uint8Array {
  const numFloats = payloadBytesOf(frame) / ELEMENT_BYTES[frame.elements];
  assert(
    Number.isInteger(numFloats) && numFloats >= 1 && numFloats <= MAX_FRAME_FLOATS,
    `a frame of ${payloadBytesOf(frame)} bytes`,
  );
  const header = new Uint8Array(TENSOR_HEADER_BYTES);
  header.set(TENSOR_MAGIC_BYTES);
  const view = new DataView(header.buffer);
  view.setUint8(4, KINDS.indexOf(frame.kind));
  view.setUint8(5, frame.vector);
  view.setUint8(6, ELEMENT_TYPES.indexOf(frame.elements));
  view.setUint32(8, frame.generation, true);
  view.setUint32(12, frame.step, true);
  view.setUint32(16, frame.offset, true);
  view.setUint32(20, frame.lo, true);
  view.setUint32(24, frame.hi, true);
  return header;
}

function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
