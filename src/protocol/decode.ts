import { Unpackr } from "msgpackr";
import { TrainerError } from "../base/errors.ts";
import { record, refusal } from "./field-checks.ts";
import { MAX_FRAME_FLOATS, MAX_MESSAGE_BYTES } from "./limits.ts";
import { MESSAGE_CHECKS } from "./message-checks.ts";
import type { Message } from "./messages.ts";
import { scanMsgpack } from "./msgpack-scan.ts";
import type { ElementType, TensorFrame, TensorKind } from "./tensor-frame.ts";
import {
  ELEMENT_BYTES,
  ELEMENT_TYPES,
  KINDS,
  MESSAGE_MAGIC,
  TENSOR_HEADER_BYTES,
  TENSOR_MAGIC,
} from "./wire.ts";

/** What one WebSocket message turned out to be. */
export type Decoded =
  | { readonly kind: "message"; readonly message: Message }
  | { readonly kind: "tensor"; readonly frame: TensorFrame };

/**
 * Reads what came over the wire; every field has been checked when this returns.
 *
 * Byte fields and payloads are views of `bytes`. Costs and memory are bounded by the size of `bytes`.
 *
 * @throws {TrainerError} ERR_PROTOCOL, and nothing else, with what was wrong.
 */
export function decode(bytes: Uint8Array): Decoded {
  if (bytes.byteLength > MAX_MESSAGE_BYTES) {
    throw new TrainerError(
      "ERR_PROTOCOL",
      `a message of ${bytes.byteLength} bytes, ${MAX_MESSAGE_BYTES} are allowed`,
    );
  }
  const magic = magicOf(bytes);
  if (magic === MESSAGE_MAGIC) return { kind: "message", message: decodeMessage(bytes) };
  if (magic === TENSOR_MAGIC && bytes.byteLength >= TENSOR_HEADER_BYTES) {
    const header = bytes.subarray(0, TENSOR_HEADER_BYTES);
    const payload = bytes.subarray(TENSOR_HEADER_BYTES);
    return { kind: "tensor", frame: decodeTensor(header, payload) };
  }
  throw new TrainerError(
    "ERR_PROTOCOL",
    `${bytes.byteLength} bytes that begin with neither ${MESSAGE_MAGIC} nor a header after ${TENSOR_MAGIC}`,
  );
}

/**
 * A tensor frame whose header and payload came apart, so that nobody need copy the payload.
 *
 * @throws {TrainerError} ERR_PROTOCOL.
 */
export function decodeTensor(header: Uint8Array, payload: Uint8Array): TensorFrame {
  return { ...decodeTensorHeader(header, payload.byteLength), payload };
}

/**
 * All of a tensor frame but its payload of `payloadBytes`, which lies elsewhere.
 *
 * @throws {TrainerError} ERR_PROTOCOL.
 */
export function decodeTensorHeader(
  header: Uint8Array,
  payloadBytes: number,
): Omit<TensorFrame, "payload"> {
  if (header.byteLength !== TENSOR_HEADER_BYTES || magicOf(header) !== TENSOR_MAGIC) {
    throw new TrainerError(
      "ERR_PROTOCOL",
      `a tensor header that does not begin with ${TENSOR_MAGIC}`,
    );
  }
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const kind = KINDS[view.getUint8(4)];
  if (kind === undefined) throw refusal("tensor.kind", view.getUint8(4), "1, 2, 3 or 4");
  const frame = {
    kind,
    vector: vectorOf(view.getUint8(5), kind),
    elements: elementsOf(view.getUint8(6), kind),
    generation: view.getUint32(8, true),
    step: view.getUint32(12, true),
    offset: view.getUint32(16, true),
    lo: view.getUint32(20, true),
    hi: view.getUint32(24, true),
  };
  if (view.getUint8(7) !== 0 || view.getUint32(28, true) !== 0) {
    throw new TrainerError("ERR_PROTOCOL", "a tensor header whose reserved bytes are not 0");
  }
  checkLeaves(frame);
  checkLength(frame, payloadBytes);
  return frame;
}

/** Without records, extensions or 64-bit integers, which `scanMsgpack` has refused before. */
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true });

function decodeMessage(bytes: Uint8Array): Message {
  scanMsgpack(bytes, MESSAGE_MAGIC.length);
  const value = unpack(bytes.subarray(MESSAGE_MAGIC.length));
  const { type } = record(value, "the message");
  if (typeof type !== "string" || !Object.hasOwn(MESSAGE_CHECKS, type)) {
    throw refusal("the message's type", type, "one of this protocol's");
  }
  // `type` has just been found among the keys.
  const check = MESSAGE_CHECKS[type as Message["type"]];
  return check(value, type);
}

function unpack(bytes: Uint8Array): unknown {
  try {
    return unpackr.unpack(bytes);
  } catch (cause) {
    throw new TrainerError("ERR_PROTOCOL", "a control message that is not MessagePack", { cause });
  }
}

function magicOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 4));
}

function vectorOf(vector: number, kind: TensorKind): 0 | 1 | 2 {
  if (vector === 0) return 0;
  if (kind === "state" && (vector === 1 || vector === 2)) return vector;
  throw refusal("tensor.vector", vector, kind === "state" ? "0, 1 or 2" : "0");
}

function elementsOf(number: number, kind: TensorKind): ElementType {
  const elements = ELEMENT_TYPES[number];
  const isExchanged = kind === "partial" || kind === "sum";
  if (elements === "f32" || (elements === "bf16" && isExchanged)) return elements;
  throw refusal("tensor.elements", number, isExchanged ? "0 or 1" : "0");
}

function checkLeaves({ kind, lo, hi }: Omit<TensorFrame, "payload">): void {
  if (kind === "partial" ? lo < hi : lo === 0 && hi === 0) return;
  throw new TrainerError("ERR_PROTOCOL", `a ${kind} frame of leaves [${lo}, ${hi})`);
}

function checkLength(
  { offset, elements }: Omit<TensorFrame, "payload">,
  payloadBytes: number,
): void {
  const numFloats = payloadBytes / ELEMENT_BYTES[elements];
  if (!Number.isInteger(numFloats) || numFloats < 1 || numFloats > MAX_FRAME_FLOATS) {
    throw new TrainerError(
      "ERR_PROTOCOL",
      `the payload's length is ${payloadBytes} bytes, but must be 1 to ${MAX_FRAME_FLOATS} floats`,
    );
  }
  if (offset + numFloats > 2 ** 32) throw refusal("tensor.offset", offset, "within 2^32 floats");
}
