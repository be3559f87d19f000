// One table with an entry for every message; as long as messages.ts makes it.
import { TrainerError } from "../base/errors.ts";
import type { Configuration } from "../configuration/configuration.ts";
import { resolveConfiguration } from "../configuration/resolve-configuration.ts";
import {
  anyNumber,
  bytes,
  type Check,
  duration,
  flag,
  integer,
  list,
  object,
  pattern,
  record,
  refusal,
  text,
  uint32,
} from "./field-checks.ts";
import { MAX_AUDITED_LEAVES, MAX_WORKERS } from "./limits.ts";
import {
  type Assign,
  type AuditedLeaf,
  type Commit,
  type Computed,
  type DigestReport,
  type Evaluate,
  type Evaluated,
  type Finish,
  type Form,
  type Held,
  type Hello,
  type Initialise,
  type LateCommit,
  type LeafRange,
  type Linked,
  type Message,
  type PeerAddress,
  type PeerHello,
  type PeerLost,
  type PeerWait,
  type PeerWelcome,
  PROTOCOL_VERSION,
  type Prepared,
  type Ready,
  type Reject,
  type ReportWaits,
  type SendSnapshot,
  type TensorShape,
  type Waiting,
  type Welcome,
  type WorkerFailed,
} from "./messages.ts";

/** Leaves of one step: as many as `batchSize` may be. */
const leafIndex = integer(0, 2 ** 20);
const digest = pattern(/^[0-9a-f]{64}$/, "a SHA-256 digest");
const errorCode = pattern(/^[A-Z][A-Z0-9_]{0,63}$/, "an error code");
const secret = pattern(/^[\x21-\x7e]{1,256}$/, "a secret of 1 to 256 visible ASCII characters");
const tensorName = pattern(/^[\x21-\x7e]{1,256}$/, "a tensor's name");
const name = text(200);
const reason = text(4000);
const port = integer(0, 65_535);
const tokens = bytes(4);
const moment = { generation: uint32, step: uint32 };

const tensorShape = object<TensorShape>({
  name: tensorName,
  shape: list(integer(1, 2 ** 31), 8),
});

const host = pattern(/^[A-Za-z0-9._:%-]{1,255}$/, "a host's name or IP address");
const fingerprint = pattern(/^[A-Za-z0-9_-]{43}$/, "a SHA-256 fingerprint, base64url");
const address = object<PeerAddress>({
  host,
  port: integer(1, 65_535),
  fingerprint: { optional: fingerprint },
});

const configuration: Check<Configuration> = (value, path) => {
  try {
    return resolveConfiguration(record(value, path));
  } catch (cause) {
    if (!(cause instanceof TrainerError)) throw cause;
    throw new TrainerError("ERR_PROTOCOL", `${path}: ${cause.message}`, { cause });
  }
};

/** Contiguous, from leaf 0 on. */
const ranges: Check<readonly LeafRange[]> = (value, path) => {
  const range = object<LeafRange>({ lo: leafIndex, hi: leafIndex });
  const checked = list(range, MAX_WORKERS, 1)(value, path);
  let end = 0;
  checked.forEach(({ lo, hi }, i) => {
    if (lo !== end) throw refusal(`${path}[${i}].lo`, lo, `${end}, where the range before ends`);
    if (hi < lo) throw refusal(`${path}[${i}].hi`, hi, `${lo} or more`);
    end = hi;
  });
  return checked;
};

/** Each worker once. */
const members: Check<Form["members"]> = (value, path) => {
  const member = object<Form["members"][number]>({
    workerId: uint32,
    address: { optional: address },
  });
  const checked = list(member, MAX_WORKERS, 1)(value, path);
  if (new Set(checked.map(({ workerId }) => workerId)).size === checked.length) return checked;
  throw refusal(path, value, "a list of different workers");
};

const runId = pattern(/^[\w-]{1,64}$/, "a run's id");

const held = object<Held>({
  ...{ runId, step: uint32, digest },
  sumGeneration: { optional: uint32 },
});

const hello = object<Hello>({
  type: type("hello"),
  protocolVersion: uint32,
  name,
  packageVersion: text(64),
  peerPort: port,
  peerHost: { optional: host },
  peerFingerprint: { optional: fingerprint },
  held: { optional: held },
});

const peerHello = object<PeerHello>({
  type: type("peer-hello"),
  protocolVersion: uint32,
  workerId: uint32,
});

const evaluate: Check<Evaluate> = (value, path) => {
  const message = object<Evaluate>({
    type: type("evaluate"),
    evaluationId: uint32,
    batchIndex: uint32,
    numSequences: integer(1, 2 ** 20),
    length: integer(1, 2 ** 16),
    tokens,
  })(value, path);
  const numBytes = 4 * message.numSequences * (message.length + 1);
  if (message.tokens.byteLength === numBytes) return message;
  throw refusal(`${path}.tokens`, message.tokens, `${numBytes} bytes`);
};

/** How each message is checked, by its type; a type that is missing here does not compile. */
export const MESSAGE_CHECKS: {
  readonly [T in Message["type"]]: Check<Extract<Message, { readonly type: T }>>;
} = {
  // A first message of another version is read as far as it goes: it must be answered with a hint.
  hello: (value, path) => {
    const { protocolVersion, ...fields } = record(value, path);
    if (!isOtherVersion(protocolVersion)) return hello(value, path);
    return {
      type: "hello",
      protocolVersion,
      name: typeof fields.name === "string" ? name(fields.name.slice(0, 200), path) : "",
      packageVersion:
        typeof fields.packageVersion === "string"
          ? text(64)(fields.packageVersion.slice(0, 64), path)
          : "",
      peerPort: 0,
    };
  },
  prepared: object<Prepared>({
    type: type("prepared"),
    step: uint32,
    digest,
    layout: list(tensorShape, 2 ** 16, 1),
    engine: text(64),
    device: text(200),
    runtime: text(200),
    numThreads: integer(1, 4096),
    processor: text(200),
  }),
  linked: object<Linked>({ type: type("linked"), generation: uint32 }),
  computed: object<Computed>({ type: type("computed"), ...moment }),
  ready: object<Ready>({
    type: type("ready"),
    ...moment,
    lossSum: anyNumber,
    gradientNorm: anyNumber,
    computeMs: duration,
    exchangeMs: duration,
    badLeaf: { optional: leafIndex },
    lateFrames: { optional: uint32 },
    audited: {
      optional: list(object<AuditedLeaf>({ leaf: leafIndex, digest }), MAX_AUDITED_LEAVES),
    },
  }),
  digest: object<DigestReport>({ type: type("digest"), step: uint32, digest }),
  evaluated: object<Evaluated>({
    type: type("evaluated"),
    evaluationId: uint32,
    batchIndex: uint32,
    lossSum: anyNumber,
  }),
  waiting: object<Waiting>({
    type: type("waiting"),
    ...moment,
    waits: list(object<PeerWait>({ peerId: uint32, what: text(200) }), 2 * MAX_WORKERS),
  }),
  "peer-lost": object<PeerLost>({
    type: type("peer-lost"),
    generation: uint32,
    peerId: uint32,
    reason,
  }),
  "worker-failed": object<WorkerFailed>({
    type: type("worker-failed"),
    code: errorCode,
    message: reason,
  }),
  welcome: object<Welcome>({
    type: type("welcome"),
    workerId: uint32,
    configuration,
    step: uint32,
    restore: flag,
    keep: flag,
    isUnderWay: flag,
    runId,
    meshSecret: secret,
    address: { optional: address },
  }),
  reject: object<Reject>({ type: type("reject"), code: errorCode, message: reason }),
  form: object<Form>({ type: type("form"), ...moment, members }),
  assign: object<Assign>({
    type: type("assign"),
    ...moment,
    ranges,
    tokens,
    audit: { optional: list(leafIndex, MAX_AUDITED_LEAVES) },
    keep: { optional: flag },
  }),
  commit: object<Commit>({
    type: type("commit"),
    ...moment,
    digest: flag,
    snapshot: flag,
    sum: flag,
    skip: flag,
  }),
  "report-waits": object<ReportWaits>({ type: type("report-waits"), ...moment }),
  evaluate,
  "send-snapshot": object<SendSnapshot>({ type: type("send-snapshot"), step: uint32 }),
  "late-commit": object<LateCommit>({ type: type("late-commit"), step: uint32 }),
  initialise: object<Initialise>({ type: type("initialise") }),
  finish: object<Finish>({ type: type("finish"), reason }),
  "peer-hello": (value, path) => {
    const { protocolVersion } = record(value, path);
    if (!isOtherVersion(protocolVersion)) return peerHello(value, path);
    return { type: "peer-hello", protocolVersion, workerId: 0 };
  },
  "peer-welcome": object<PeerWelcome>({ type: type("peer-welcome"), workerId: uint32 }),
};

function type<T extends string>(expected: T): Check<T> {
  return (value, path) => {
    if (value === expected) return expected;
    throw refusal(path, value, `"${expected}"`);
  };
}

function isOtherVersion(version: unknown): version is number {
  return (
    Number.isInteger(version) && version !== PROTOCOL_VERSION && uint32(version, "") === version
  );
}
