import { TrainerError } from "../base/errors.ts";

/** Deepest nesting of any message, with room: form > members > member > address is 4. */
const DEPTH_MAX = 8;

/** Most values of one message, keys included: the layout of a thousand layers takes half of it. */
const VALUES_MAX = 2 ** 18;

/** Longest key of a map. */
const KEY_BYTES_MAX = 64;

/**
 * Walks over MessagePack bytes without building anything, so that reading them afterwards can neither
 * recurse deeply nor allocate more than a small multiple of their size.
 *
 * Allowed are nil, booleans, integers of up to 32 bits, floats, strings, byte strings, arrays, and maps
 * with short string keys: all that the messages need. Extensions are refused, and with them what
 * msgpackr builds from them (records, dates, errors, references).
 *
 * @param start first byte of the value, which must end with the last byte.
 * @throws {TrainerError} ERR_PROTOCOL with what was found and where.
 */
export function scanMsgpack(bytes: Uint8Array, start: number): void {
  let position = start;
  let numValues = 0;
  // For each open array or map: how many values it still waits for, and whether keys are among them.
  const open: { numLeft: number; readonly isMap: boolean }[] = [];
  do {
    const container = open.at(-1);
    const isKey = container?.isMap === true && container.numLeft % 2 === 0;
    if (container !== undefined) container.numLeft--;
    if (++numValues > VALUES_MAX) throw refusal(position, `more than ${VALUES_MAX} values`);
    const { headBytes, dataBytes, numInside, isMap, isText } = headAt(bytes, position);
    if (isKey && !(isText && dataBytes <= KEY_BYTES_MAX)) {
      throw refusal(position, "a map key that is not a short string");
    }
    position += headBytes + dataBytes;
    if (position > bytes.length) throw refusal(bytes.length, "the end in the middle of a value");
    // Each value takes a byte at least: more of them than bytes left is a lie.
    if (numInside > bytes.length - position)
      throw refusal(position, `${numInside} values announced`);
    if (numInside > 0) open.push({ numLeft: numInside, isMap });
    if (open.length > DEPTH_MAX) throw refusal(position, `nesting deeper than ${DEPTH_MAX}`);
    while (open.at(-1)?.numLeft === 0) open.pop();
  } while (open.length > 0);
  if (position !== bytes.length) {
    throw refusal(position, `${bytes.length - position} bytes after the message`);
  }
}

/** What the first bytes of a value say about it. */
interface Head {
  /** Tag, length and fixed-size content. */
  readonly headBytes: number;
  /** Bytes of a string or byte string. */
  readonly dataBytes: number;
  /** Values inside an array or map; keys count. */
  readonly numInside: number;
  readonly isMap: boolean;
  readonly isText: boolean;
}

const SCALAR: Head = { headBytes: 1, dataBytes: 0, numInside: 0, isMap: false, isText: false };

/** The MessagePack specification's table of first bytes. */
function headAt(bytes: Uint8Array, position: number): Head {
  const tag = bytes[position];
  if (tag === undefined) throw refusal(position, "the end where a value was due");
  if (tag <= 0x7f || tag >= 0xe0) return SCALAR;
  if (tag <= 0x8f) return { ...SCALAR, numInside: 2 * (tag & 0x0f), isMap: true };
  if (tag <= 0x9f) return { ...SCALAR, numInside: tag & 0x0f };
  if (tag <= 0xbf) return { ...SCALAR, dataBytes: tag & 0x1f, isText: true };
  const number = NUMBER_BYTES.get(tag);
  if (number !== undefined) return { ...SCALAR, headBytes: 1 + number };
  const sized = SIZED.get(tag);
  if (sized === undefined) {
    throw refusal(position, `tag 0x${tag.toString(16)}, which no message uses`);
  }
  const size = sizeAt(bytes, position + 1, sized.sizeBytes);
  const headBytes = 1 + sized.sizeBytes;
  if (sized.kind === "array") return { ...SCALAR, headBytes, numInside: size };
  if (sized.kind === "map") return { ...SCALAR, headBytes, numInside: 2 * size, isMap: true };
  return { ...SCALAR, headBytes, dataBytes: size, isText: sized.kind === "text" };
}

/** nil, false, true, float 32 and 64, uint 8 to 32, int 8 to 32: bytes after the tag. */
const NUMBER_BYTES: ReadonlyMap<number, number> = new Map([
  ...([0xc0, 0xc2, 0xc3] as const).map((tag) => [tag, 0] as const),
  ...([0xcc, 0xd0] as const).map((tag) => [tag, 1] as const),
  ...([0xcd, 0xd1] as const).map((tag) => [tag, 2] as const),
  ...([0xca, 0xce, 0xd2] as const).map((tag) => [tag, 4] as const),
  [0xcb, 8],
]);

type SizedKind = "bytes" | "text" | "array" | "map";

const SIZED: ReadonlyMap<number, { readonly kind: SizedKind; readonly sizeBytes: 1 | 2 | 4 }> =
  new Map([
    [0xc4, { kind: "bytes", sizeBytes: 1 }],
    [0xc5, { kind: "bytes", sizeBytes: 2 }],
    [0xc6, { kind: "bytes", sizeBytes: 4 }],
    [0xd9, { kind: "text", sizeBytes: 1 }],
    [0xda, { kind: "text", sizeBytes: 2 }],
    [0xdb, { kind: "text", sizeBytes: 4 }],
    [0xdc, { kind: "array", sizeBytes: 2 }],
    [0xdd, { kind: "array", sizeBytes: 4 }],
    [0xde, { kind: "map", sizeBytes: 2 }],
    [0xdf, { kind: "map", sizeBytes: 4 }],
  ]);

/** A big-endian size of 1, 2 or 4 bytes. */
function sizeAt(bytes: Uint8Array, position: number, sizeBytes: number): number {
  let size = 0;
  for (let i = 0; i < sizeBytes; i++) {
    const byte = bytes[position + i];
    if (byte === undefined) throw refusal(position, "the end in the middle of a size");
    size = size * 256 + byte;
  }
  return size;
}

function refusal(position: number, found: string): TrainerError {
  return new TrainerError("ERR_PROTOCOL", `a control message with ${found} at byte ${position}`);
}
