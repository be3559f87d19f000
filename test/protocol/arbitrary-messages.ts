import fc from "fast-check";
import { resolveConfiguration } from "../../src/configuration/resolve-configuration.ts";
import { type Message, PROTOCOL_VERSION } from "../../src/protocol/messages.ts";
import type { TensorFrame } from "../../src/protocol/tensor-frame.ts";

const uint32 = fc.nat(2 ** 32 - 1);
const generation = uint32;
const step = uint32;
const digest = fc.stringMatching(/^[0-9a-f]{64}$/);
/** Without control characters: those become spaces on the way. */
const line = fc.string({ unit: "grapheme-composite", maxLength: 40 }).map((text) => {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "");
});
const code = fc.constantFrom("ERR_PROTOCOL", "ERR_TOKEN", "X");
const runId = fc.stringMatching(/^[\w-]{1,64}$/);
const secret = fc.stringMatching(/^[!-~]{1,64}$/);
/** All but -0, of which MessagePack makes 0. */
const anyNumber = fc.double().map((value) => (value === 0 ? 0 : value));
const duration = fc.double({ min: Number.MIN_VALUE, max: 1e9, noNaN: true });
const wholeFloats = (max: number) =>
  fc
    .uint8Array({ minLength: 4, maxLength: 4 * max })
    .map((bytes) => bytes.slice(0, bytes.length - (bytes.length % 4)));

const ranges = fc.array(fc.nat(9), { minLength: 1, maxLength: 6 }).map((sizes) => {
  let lo = 0;
  return sizes.map((size) => {
    const range = { lo, hi: lo + size };
    lo = range.hi;
    return range;
  });
});

const configuration = fc
  .record({ vocabSize: fc.integer({ min: 2, max: 70_000 }), seed: uint32, bias: fc.boolean() })
  .map((settings) => resolveConfiguration(settings));

const host = fc.constantFrom("10.0.0.7", "::1", "host-b");
const fingerprint = fc.stringMatching(/^[A-Za-z0-9_-]{43}$/);
const address = fc.record(
  { host, port: fc.integer({ min: 1, max: 65_535 }), fingerprint },
  { requiredKeys: ["host", "port"] },
);

const members = fc.uniqueArray(
  fc.record({ workerId: uint32, address }, { requiredKeys: ["workerId"] }),
  { minLength: 1, maxLength: 8, selector: (member) => member.workerId },
);

const evaluate = fc
  .record({
    numSequences: fc.integer({ min: 1, max: 4 }),
    length: fc.integer({ min: 1, max: 8 }),
    evaluationId: uint32,
    batchIndex: uint32,
  })
  .map((fields) => ({
    ...fields,
    type: "evaluate" as const,
    tokens: new Uint8Array(4 * fields.numSequences * (fields.length + 1)).fill(
      fields.batchIndex & 255,
    ),
  }));

/** Valid messages of each type; a type that is missing here does not compile. */
const byType: { readonly [T in Message["type"]]: fc.Arbitrary<Extract<Message, { type: T }>> } = {
  hello: fc.record(
    {
      type: fc.constant("hello"),
      protocolVersion: fc.constant(PROTOCOL_VERSION),
      name: line,
      packageVersion: line,
      peerPort: fc.nat(65_535),
      peerHost: host,
      peerFingerprint: fingerprint,
      held: fc.record(
        { runId, step, digest, sumGeneration: step },
        { requiredKeys: ["runId", "step", "digest"] },
      ),
    },
    { requiredKeys: ["type", "protocolVersion", "name", "packageVersion", "peerPort"] },
  ),
  prepared: fc.record({
    type: fc.constant("prepared"),
    step,
    digest,
    layout: fc.array(
      fc.record({
        name: fc.stringMatching(/^[a-z0-9._]{1,40}$/),
        shape: fc.array(fc.integer({ min: 1, max: 100_000 }), { maxLength: 3 }),
      }),
      { minLength: 1, maxLength: 20 },
    ),
    engine: line,
    device: line,
    runtime: line,
    numThreads: fc.integer({ min: 1, max: 256 }),
    processor: line,
  }),
  linked: fc.record({ type: fc.constant("linked"), generation }),
  computed: fc.record({ type: fc.constant("computed"), generation, step }),
  ready: fc.record(
    {
      type: fc.constant("ready"),
      generation,
      step,
      lossSum: anyNumber,
      gradientNorm: anyNumber,
      computeMs: duration,
      exchangeMs: duration,
      badLeaf: fc.nat(1000),
      lateFrames: fc.nat(1000),
      audited: fc.array(fc.record({ leaf: fc.nat(1000), digest }), { maxLength: 4 }),
    },
    {
      requiredKeys: [
        ...(["type", "generation", "step", "lossSum"] as const),
        ...(["gradientNorm", "computeMs", "exchangeMs"] as const),
      ],
    },
  ),
  digest: fc.record({ type: fc.constant("digest"), step, digest }),
  evaluated: fc.record({
    type: fc.constant("evaluated"),
    evaluationId: uint32,
    batchIndex: uint32,
    lossSum: anyNumber,
  }),
  waiting: fc.record({
    type: fc.constant("waiting"),
    generation,
    step,
    waits: fc.array(fc.record({ peerId: uint32, what: line }), { maxLength: 4 }),
  }),
  "peer-lost": fc.record({
    type: fc.constant("peer-lost"),
    generation,
    peerId: uint32,
    reason: line,
  }),
  "worker-failed": fc.record({ type: fc.constant("worker-failed"), code, message: line }),
  welcome: fc.record({
    type: fc.constant("welcome"),
    workerId: uint32,
    configuration,
    step,
    restore: fc.boolean(),
    keep: fc.boolean(),
    isUnderWay: fc.boolean(),
    runId,
    meshSecret: secret,
  }),
  reject: fc.record({ type: fc.constant("reject"), code, message: line }),
  form: fc.record({ type: fc.constant("form"), generation, step, members }),
  assign: fc.record(
    {
      type: fc.constant("assign"),
      generation,
      step,
      ranges,
      tokens: wholeFloats(50),
      audit: fc.array(fc.nat(1000), { maxLength: 4 }),
      keep: fc.boolean(),
    },
    { requiredKeys: ["type", "generation", "step", "ranges", "tokens"] },
  ),
  commit: fc.record({
    type: fc.constant("commit"),
    generation,
    step,
    digest: fc.boolean(),
    snapshot: fc.boolean(),
    sum: fc.boolean(),
    skip: fc.boolean(),
  }),
  "report-waits": fc.record({ type: fc.constant("report-waits"), generation, step }),
  evaluate,
  "send-snapshot": fc.record({ type: fc.constant("send-snapshot"), step }),
  "late-commit": fc.record({ type: fc.constant("late-commit"), step }),
  initialise: fc.record({ type: fc.constant("initialise") }),
  finish: fc.record({ type: fc.constant("finish"), reason: line }),
  "peer-hello": fc.record({
    type: fc.constant("peer-hello"),
    protocolVersion: fc.constant(PROTOCOL_VERSION),
    workerId: uint32,
  }),
  "peer-welcome": fc.record({ type: fc.constant("peer-welcome"), workerId: uint32 }),
};

/** Any valid message. */
export const anyMessage: fc.Arbitrary<Message> = fc.oneof(...Object.values(byType));

/** Any valid tensor frame. */
export const anyFrame: fc.Arbitrary<TensorFrame> = fc
  .record({
    kind: fc.constantFrom("partial" as const, "sum" as const, "state" as const, "replay" as const),
    vector: fc.constantFrom(0 as const, 1 as const, 2 as const),
    elements: fc.constantFrom("f32" as const, "bf16" as const),
    generation,
    step,
    offset: fc.nat(2 ** 31),
    lo: fc.nat(1000),
    size: fc.integer({ min: 1, max: 1000 }),
    payload: wholeFloats(64),
  })
  .map(({ size, ...frame }) => ({
    ...frame,
    vector: frame.kind === "state" ? frame.vector : 0,
    elements: ["partial", "sum"].includes(frame.kind) ? frame.elements : "f32",
    lo: frame.kind === "partial" ? frame.lo : 0,
    hi: frame.kind === "partial" ? frame.lo + size : 0,
  }));
