import fc from "fast-check";
import { Packr, Unpackr } from "msgpackr";
import { describe, expect, test } from "vitest";
import { TrainerError } from "../../src/base/errors.ts";
import { checkVersion } from "../../src/protocol/check-version.ts";
import { decode } from "../../src/protocol/decode.ts";
import { encodeMessage, encodeTensorHeader } from "../../src/protocol/encode.ts";
import { decodeAny, EXAMPLE_BYTES, EXAMPLE_MESSAGES } from "../../src/protocol/examples.ts";
import { MAX_FRAME_FLOATS, MAX_MESSAGE_BYTES } from "../../src/protocol/limits.ts";
import { type Message, PROTOCOL_VERSION } from "../../src/protocol/messages.ts";
import type { TensorFrame } from "../../src/protocol/tensor-frame.ts";
import { anyFrame, anyMessage } from "./arbitrary-messages.ts";

const packr = new Packr({ useRecords: false });
/** Fuzzing that finds something finds it again. */
const SEED = 20_261_123;
const MAGIC = Buffer.from("SIC1");

const examples: readonly Message[] = Object.values(EXAMPLE_MESSAGES);

/** A control message with any content. */
function control(value: unknown): Uint8Array {
  return Buffer.concat([MAGIC, packr.pack(value)]);
}

/** A control message of these bytes after the magic. */
function raw(...bytes: readonly (number | string | Uint8Array)[]): Uint8Array {
  const parts = bytes.map((part) =>
    typeof part === "number" ? Buffer.of(part) : Buffer.from(part),
  );
  return Buffer.concat([MAGIC, ...parts]);
}

function encodeTensor(frame: TensorFrame): Uint8Array {
  return Buffer.concat([encodeTensorHeader(frame), frame.payload]);
}

/** Throws only what decoders may. */
function decodeOrRefuse(bytes: Uint8Array): "decoded" | "refused" {
  try {
    decodeAny(bytes);
    return "decoded";
  } catch (error) {
    if (error instanceof TrainerError && error.code === "ERR_PROTOCOL") return "refused";
    throw error;
  }
}

test("reads every example: fuzzing that begins with one that is refused leads nowhere", () => {
  for (const bytes of EXAMPLE_BYTES) expect(() => decodeAny(bytes)).not.toThrow();
  for (const message of examples) {
    expect(decode(encodeMessage(message))).toEqual({ kind: "message", message });
  }
});

test("reads back every message as it was written", () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      expect(decode(encodeMessage(message))).toEqual({ kind: "message", message });
    }),
    { seed: SEED, numRuns: 2000 },
  );
});

test("reads back every tensor frame as it was written, wherever it lies in memory", () => {
  fc.assert(
    fc.property(anyFrame, fc.nat(7), (frame, shift) => {
      const bytes = encodeTensor(frame);
      const shifted = new Uint8Array(bytes.length + shift).subarray(shift);
      shifted.set(bytes);
      expect(decode(shifted)).toEqual({ kind: "tensor", frame });
    }),
    { seed: SEED, numRuns: 1000 },
  );
});

test("hands the payload over as a view of what came", () => {
  const [frame] = fc.sample(anyFrame, 1);
  const bytes = encodeTensor(frame as TensorFrame);
  const decoded = decode(bytes);
  expect(decoded.kind === "tensor" && decoded.frame.payload.buffer).toBe(bytes.buffer);
});

describe("whatever comes in, decode refuses it by ERR_PROTOCOL or returns", () => {
  test("for random bytes, with and without a magic", () => {
    const start = fc.constantFrom("", "SIC1", "SIT1", "SIC", "SIT1\u0001");
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 200 }), (magic, rest) => {
        decodeOrRefuse(Buffer.concat([Buffer.from(magic), rest]));
      }),
      { seed: SEED, numRuns: 20_000 },
    );
  });

  test("for valid messages with bytes changed, cut out or put in", () => {
    const edit = fc.record({
      place: fc.nat(),
      numCut: fc.nat(3),
      insert: fc.uint8Array({ maxLength: 3 }),
    });
    const counts = { decoded: 0, refused: 0 };
    fc.assert(
      fc.property(anyMessage, fc.array(edit, { minLength: 1, maxLength: 3 }), (message, edits) => {
        let bytes = Buffer.from(encodeMessage(message));
        for (const { place, numCut, insert } of edits) {
          const at = 4 + (place % (bytes.length - 3));
          bytes = Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + numCut)]);
        }
        counts[decodeOrRefuse(bytes)]++;
      }),
      { seed: SEED, numRuns: 10_000 },
    );
    expect(counts.refused).toBeGreaterThan(counts.decoded);
  });

  test("for valid MessagePack of any content", () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: false, maxDepth: 4 }), (value) => {
        decodeOrRefuse(control(value));
      }),
      { seed: SEED, numRuns: 3000 },
    );
  });

  test("for every single byte of every message changed to any of 8 values", () => {
    for (const example of EXAMPLE_BYTES) {
      const bytes = Uint8Array.from(example);
      for (let i = 0; i < bytes.length; i++) {
        const before = bytes[i] ?? 0;
        for (let value = i % 32; value < 256; value += 32) {
          bytes[i] = value;
          decodeOrRefuse(bytes);
        }
        bytes[i] = before;
      }
    }
  });

  test("for every message cut short anywhere", () => {
    for (const message of examples) {
      const bytes = encodeMessage(message);
      for (let end = 0; end < bytes.length; end++) {
        expect(decodeOrRefuse(bytes.subarray(0, end))).toBe("refused");
      }
    }
  });
});

/** Small inputs that would cost much, or build what no message needs, if they were believed. */
const bombs: readonly (readonly [string, Uint8Array])[] = [
  ["an array that announces 4 billion values", raw(0xdd, 0xff, 0xff, 0xff, 0xff)],
  ["an array that announces 16 million values", raw(0xdd, 0, 0xff, 0xff, 0xff, "x".repeat(100))],
  ["a map that announces 2 billion fields", raw(0xdf, 0x7f, 0xff, 0xff, 0xff)],
  ["a string that announces 4 GB", raw(0xdb, 0xff, 0xff, 0xff, 0xff, "x")],
  ["bytes that announce 4 GB", raw(0xc6, 0xff, 0xff, 0xff, 0xff, "x")],
  ["a million arrays in one another", raw(Buffer.alloc(1_000_000, 0x91), 0xc0)],
  ["nine arrays in one another", raw(Buffer.alloc(9, 0x91), 0xc0)],
  ["a million maps in one another", raw(Buffer.alloc(2_000_000, Buffer.of(0x81, 0xa0)), 0xc0)],
  ["300 000 values", raw(0xdd, 0, 0x04, 0x93, 0xe0, Buffer.alloc(300_000, 0xc0))],
  ["an extension: a record definition", raw(0xd4, 0x72, 0x40, 0x91, 0xa1, "a", 1)],
  ["an extension: a timestamp", raw(0xd6, 0xff, 0, 0, 0, 0)],
  ["an extension of unknown kind", raw(0xc7, 4, 9, 1, 2, 3, 4)],
  ["a 64-bit integer", raw(0xcf, 0, 0, 0, 0, 0, 0, 0, 1)],
  ["the tag that MessagePack never uses", raw(0xc1)],
  ["a number as a key", raw(0x81, 1, 1)],
  ["a key of 65 bytes", raw(0x81, 0xd9, 65, "k".repeat(65), 1)],
  ["two messages in one", raw(0x80, 0x80)],
  ["nothing after the magic", raw()],
  ["nothing at all", new Uint8Array(0)],
  ["another magic", Buffer.from("SIC2xxxx")],
  ["half a tensor header", Buffer.from("SIT1xxxx")],
  ["more bytes than any message may have", new Uint8Array(MAX_MESSAGE_BYTES + 1)],
];

test.each(bombs)("refuses %s", (_name, bytes) => {
  expect(decodeOrRefuse(bytes)).toBe("refused");
});

/** One field of a valid message spoilt. */
const spoilt: readonly (readonly [Message["type"], Record<string, unknown>, RegExp])[] = [
  ["hello", { peerPort: 65_536 }, /hello\.peerPort is 65536, but must be a whole number from 0 to/],
  ["hello", { name: 5 }, /hello\.name is 5, but must be text/],
  ["hello", { name: "x".repeat(201) }, /hello\.name is 201, but must be text of 0 to 200 char/],
  ["hello", { protocolVersion: "1" }, /hello\.protocolVersion is "1"/],
  ["prepared", { digest: "ABC" }, /prepared\.digest is "ABC", but must be a SHA-256 digest/],
  ["prepared", { layout: [] }, /prepared\.layout is 0, but must be a list of 1 to/],
  ["prepared", { layout: [{ name: "w", shape: [0] }] }, /layout\[0\]\.shape\[0\] is 0/],
  ["prepared", { layout: [{ name: "w\u001b[2J", shape: [1] }] }, /layout\[0\]\.name/],
  ["linked", { generation: -1 }, /linked\.generation is -1/],
  ["linked", { generation: 1.5 }, /linked\.generation is 1\.5/],
  ["ready", { lossSum: "3" }, /ready\.lossSum is "3", but must be a number/],
  ["ready", { computeMs: Number.NaN }, /ready\.computeMs is NaN/],
  ["hello", { held: { step: 3 } }, /hello\.held\.runId is missing, but must be a run's id/],
  ["welcome", { runId: "a b" }, /welcome\.runId is "a b"/],
  ["welcome", { meshSecret: "" }, /welcome\.meshSecret is ""/],
  ["welcome", { configuration: { vocabSize: 10, layers: 2 } }, /no configuration key "layers"/],
  ["welcome", { configuration: { vocabSize: -1 } }, /welcome\.configuration: vocabSize is -1/],
  ["welcome", { configuration: [] }, /welcome\.configuration is a list of 0/],
  ["welcome", { restore: 1 }, /welcome\.restore is 1, but must be true or false/],
  ["form", { members: [] }, /form\.members is 0, but must be a list of 1 to 1024/],
  ["form", { members: [{ workerId: 1 }, { workerId: 1 }] }, /a list of different workers/],
  ["form", { members: [{ workerId: 1, address: { host: "a", port: 0 } }] }, /address\.port is 0/],
  ["hello", { peerHost: "a b" }, /hello\.peerHost is "a b", but must be a host's name/],
  ["hello", { peerFingerprint: "abc" }, /hello\.peerFingerprint is "abc", but must be a SHA-256/],
  ["form", { members: [{ workerId: 1, address: null }] }, /address is nil, but must be a map/],
  ["assign", { ranges: [{ lo: 1, hi: 2 }] }, /ranges\[0\]\.lo is 1, but must be 0/],
  [
    "assign",
    {
      ranges: [
        { lo: 0, hi: 2 },
        { lo: 3, hi: 4 },
      ],
    },
    /ranges\[1\]\.lo is 3/,
  ],
  ["assign", { tokens: new Uint8Array(3) }, /assign\.tokens is 3, but must be a multiple of 4/],
  ["assign", { tokens: [1, 2] }, /assign\.tokens is a list of 2, but must be bytes/],
  ["evaluate", { tokens: new Uint8Array(4) }, /evaluate\.tokens is 4 bytes, but must be/],
  ["reject", { code: "bad code" }, /reject\.code is "bad code"/],
  ["peer-hello", { workerId: -1 }, /peer-hello\.workerId is -1/],
  ["welcome", { meshSecret: "x".repeat(257) }, /welcome\.meshSecret/],
  ["commit", { type: "comit" }, /the message's type is "comit"/],
  ["commit", { type: "toString" }, /the message's type is "toString"/],
];

test.each(spoilt)("refuses a %s with %j, saying so", (type, fields, expected) => {
  const bytes = control({ ...EXAMPLE_MESSAGES[type], ...fields });
  expect(() => decode(bytes)).toThrow(expect.objectContaining({ code: "ERR_PROTOCOL" }));
  expect(() => decode(bytes)).toThrow(expected);
});

/** Fields that may be missing. */
const OPTIONAL = new Set([
  ...["hello.peerHost", "hello.peerFingerprint", "hello.held", "welcome.address"],
  ...["ready.badLeaf", "ready.lateFrames", "ready.audited", "assign.audit", "assign.keep"],
]);

test("refuses every message without any one of its fields, but for optional ones", () => {
  for (const message of examples) {
    for (const field of Object.keys(message)) {
      const { [field as keyof Message]: _left, ...rest } = message;
      const isOptional = OPTIONAL.has(`${message.type}.${field}`);
      expect(decodeOrRefuse(control(rest))).toBe(isOptional ? "decoded" : "refused");
    }
  }
});

test("leaves fields behind that it does not know", () => {
  const bytes = control({ type: "linked", generation: 4, colour: "red", __proto__x: 1 });
  expect(decode(bytes)).toEqual({ kind: "message", message: { type: "linked", generation: 4 } });
});

test("makes control characters of free text into spaces", () => {
  const bytes = control({ type: "finish", reason: "a\u001b[31mb\r\nc\u202ed" });
  expect(decode(bytes)).toEqual({
    kind: "message",
    message: { type: "finish", reason: "a [31mb c d" },
  });
});

const frame: TensorFrame = {
  ...{
    kind: "partial",
    vector: 0,
    elements: "f32",
    generation: 1,
    step: 2,
    offset: 3,
    lo: 4,
    hi: 5,
  },
  payload: new Uint8Array(8),
};

const stateFrame: TensorFrame = { ...frame, kind: "state", lo: 0, hi: 0 };

/** A valid frame with one byte of its header spoilt, or another payload. */
const spoiltFrames: readonly (readonly [string, Uint8Array])[] = [
  ["kind 0", withByte(4, 0)],
  ["kind 5", withByte(4, 5)],
  ["a vector in a partial", withByte(5, 1)],
  ["an element type that is none", withByte(6, 2)],
  ["bf16 in a piece of the state", withByte(6, 1, encodeTensor(stateFrame))],
  ["a reserved byte set", withByte(7, 1)],
  ["the last reserved byte set", withByte(31, 1)],
  ["leaves that end before they begin", withByte(24, 3)],
  ["leaves in a sum", withByte(4, 2)],
  [
    "an offset past 2^32",
    withByte(19, 0xff, withByte(18, 0xff, withByte(17, 0xff, withByte(16, 0xff)))),
  ],
  ["no payload", encodeTensor(frame).subarray(0, 32)],
  ["half a bf16", withByte(6, 1).subarray(0, 39)],
  [
    "a payload of one bf16 too many",
    Buffer.concat([withByte(6, 1), new Uint8Array(2 * MAX_FRAME_FLOATS - 6)]),
  ],
  ["a payload of 7 bytes", encodeTensor(frame).subarray(0, 39)],
  [
    "a payload of one float too many",
    Buffer.concat([encodeTensor(frame), new Uint8Array(4 * MAX_FRAME_FLOATS - 4)]),
  ],
];

function withByte(index: number, value: number, bytes = encodeTensor(frame)): Uint8Array {
  bytes[index] = value;
  return bytes;
}

test.each(spoiltFrames)("refuses a tensor frame with %s", (_name, bytes) => {
  expect(decodeOrRefuse(bytes)).toBe("refused");
});

describe("a first message of another version", () => {
  test("is read as far as its version, however else it has changed", () => {
    const hello = control({
      type: "hello",
      protocolVersion: 99,
      name: { first: "host" },
      more: [],
    });
    expect(decode(hello)).toMatchObject({
      message: { type: "hello", protocolVersion: 99, name: "" },
    });
    const peerHello = control({ type: "peer-hello", protocolVersion: 0 });
    expect(decode(peerHello)).toMatchObject({
      message: { type: "peer-hello", protocolVersion: 0 },
    });
  });

  test("is refused with a hint", () => {
    expect(() => checkVersion(99, "host-b/4711 (smallinit 9.0.0)")).toThrow(
      `host-b/4711 (smallinit 9.0.0) speaks version 99 of the protocol, this side version ${PROTOCOL_VERSION}. ` +
        "Install the same version of smallinit on both.",
    );
  });
});

test("decoding leaves msgpackr able to read ordinary values", () => {
  for (const [, bytes] of bombs) decodeOrRefuse(bytes);
  expect(new Unpackr({ useRecords: false }).unpack(packr.pack({ a: [1, "b"] }))).toEqual({
    a: [1, "b"],
  });
});
