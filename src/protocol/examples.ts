// A valid message and frame of every kind: what fuzzing begins with, in the tests and in scripts/fuzz.mjs,
// which runs on the compiled files. Here for the compiler to see that none is missing; no part of the package.
import { resolveConfiguration } from "../configuration/resolve-configuration.ts";
import { decode } from "./decode.ts";
import { encodeMessage, encodeTensorHeader } from "./encode.ts";
import { type Message, PROTOCOL_VERSION } from "./messages.ts";
import {
  decodeSlotFrame,
  decodeSlotFree,
  encodeSlotFrame,
  encodeSlotFree,
  slotMessageKind,
} from "./slot-frame.ts";
import type { TensorFrame, TensorKind } from "./tensor-frame.ts";

const digest = "0123456789abcdef".repeat(4);
const moment = { generation: 3, step: 812 } as const;
const address = { host: "10.0.0.7", port: 41_234, fingerprint: "f".repeat(43) } as const;

/** One of each type, with all that is optional. */
export const EXAMPLE_MESSAGES: {
  readonly [T in Message["type"]]: Required<Extract<Message, { readonly type: T }>>;
} = {
  hello: {
    type: "hello",
    protocolVersion: PROTOCOL_VERSION,
    name: "host-b/4711",
    packageVersion: "0.1.0",
    peerPort: 41_234,
    peerHost: "10.0.0.7",
    peerFingerprint: "f".repeat(43),
    held: { runId: "run-1", step: 812, digest, sumGeneration: 3 },
  },
  prepared: {
    ...{ type: "prepared", step: 0, digest, engine: "onnx", device: "cpu", runtime: "ort 1.30" },
    ...{ numThreads: 2, processor: "x64 AMD EPYC 7763" },
    layout: [
      { name: "embed.weight", shape: [65, 128] },
      { name: "head.bias", shape: [] },
    ],
  },
  linked: { type: "linked", generation: 3 },
  computed: { type: "computed", ...moment },
  ready: {
    ...{ type: "ready", ...moment, lossSum: 123.5, gradientNorm: Number.NaN, computeMs: 41 },
    ...{ exchangeMs: 9.25, badLeaf: 2, lateFrames: 5, audited: [{ leaf: 2, digest }] },
  },
  digest: { type: "digest", step: 812, digest },
  evaluated: { type: "evaluated", evaluationId: 4, batchIndex: 7, lossSum: 99.5 },
  waiting: { type: "waiting", ...moment, waits: [{ peerId: 2, what: "to send chunk 2/5" }] },
  "peer-lost": { type: "peer-lost", generation: 3, peerId: 2, reason: "silent for 2.5 s" },
  "worker-failed": { type: "worker-failed", code: "ERR_ENGINE", message: "out of memory" },
  welcome: {
    ...{ type: "welcome", workerId: 1, step: 0, restore: false, keep: false, runId: "run-1" },
    ...{ isUnderWay: true, meshSecret: "s".repeat(43), address },
    configuration: resolveConfiguration({ vocabSize: 65 }),
  },
  reject: { type: "reject", code: "ERR_FLEET_FULL", message: "the fleet has its most workers" },
  form: { type: "form", ...moment, members: [{ workerId: 0, address }, { workerId: 1 }] },
  assign: {
    ...{ type: "assign", ...moment, tokens: new Uint8Array(64), audit: [1, 5] },
    keep: true,
    ranges: [
      { lo: 0, hi: 4 },
      { lo: 4, hi: 8 },
    ],
  },
  commit: { type: "commit", ...moment, skip: false, digest: true, snapshot: false, sum: true },
  "report-waits": { type: "report-waits", ...moment },
  evaluate: {
    ...{ type: "evaluate", evaluationId: 4, batchIndex: 7, numSequences: 1, length: 3 },
    tokens: new Uint8Array(16),
  },
  "send-snapshot": { type: "send-snapshot", step: 812 },
  "late-commit": { type: "late-commit", step: 812 },
  initialise: { type: "initialise" },
  finish: { type: "finish", reason: "the run is completed" },
  "peer-hello": { type: "peer-hello", protocolVersion: PROTOCOL_VERSION, workerId: 1 },
  "peer-welcome": { type: "peer-welcome", workerId: 0 },
};

const place = { ...moment, offset: 4096, lo: 0, hi: 0, payload: new Uint8Array(64) } as const;

/** One of each kind, the exchange's in both element types. */
const EXAMPLE_FRAMES: { readonly [K in TensorKind]: readonly TensorFrame[] } = {
  partial: [
    { ...place, kind: "partial", vector: 0, elements: "f32", hi: 4 },
    { ...place, kind: "partial", vector: 0, elements: "bf16", hi: 4 },
  ],
  sum: [
    { ...place, kind: "sum", vector: 0, elements: "f32" },
    { ...place, kind: "sum", vector: 0, elements: "bf16" },
  ],
  state: [{ ...place, kind: "state", vector: 2, elements: "f32" }],
  replay: [{ ...place, kind: "replay", vector: 0, elements: "f32" }],
};

/** The bytes of every example: control messages, tensor frames, messages about slots. */
export const EXAMPLE_BYTES: readonly Uint8Array[] = [
  ...Object.values(EXAMPLE_MESSAGES).map(encodeMessage),
  ...Object.values(EXAMPLE_FRAMES).flatMap((frames) =>
    frames.flatMap((frame) => [
      Buffer.concat([encodeTensorHeader(frame), frame.payload]),
      encodeSlotFrame(frame, 5),
    ]),
  ),
  encodeSlotFree(5),
];

/**
 * Reads bytes by the decoder that a link with 8 slots gives them to.
 *
 * @throws {TrainerError} ERR_PROTOCOL.
 */
export function decodeAny(bytes: Uint8Array): unknown {
  const kind = slotMessageKind(bytes);
  if (kind === "frame") return decodeSlotFrame(bytes, 8);
  return kind === "free" ? decodeSlotFree(bytes, 8) : decode(bytes);
}
