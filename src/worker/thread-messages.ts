import type { SharedMemory } from "../kernels/web-assembly.ts";
import type {
  Assign,
  Commit,
  Computed,
  DigestReport,
  Evaluate,
  Evaluated,
  Form,
  Held,
  Initialise,
  LateCommit,
  LeafRange,
  Moment,
  Prepared,
  Ready,
  SendSnapshot,
  Welcome,
  WorkerFailed,
} from "../protocol/messages.ts";
import type { ElementType } from "../protocol/tensor-frame.ts";
import type { PhaseTrap } from "../transport/stop-at-phase.ts";
import type { MeshPlace } from "./mesh-door.ts";

/** What the communication thread is started with. */
export interface CommunicationSettings {
  readonly url: string;
  /** Frames need no masks, also without TLS. */
  readonly isNetworkTrusted: boolean;
  readonly place: MeshPlace;
  readonly timeoutMs: number;
  /** How long to call a coordinator that was lost; 0: not at all. */
  readonly coordinatorTimeoutMs: number;
  readonly name: string;
  readonly packageVersion: string;
  /** The port that peers are told to call instead of the one listened on; undefined: the latter. */
  readonly peerPort: number | undefined;
  /** Where this process stops itself, for fault tests; undefined: nowhere. */
  readonly trap: PhaseTrap | undefined;
  /** Where to keep spans of time, for a `SpanRing`; undefined: they are not asked for. */
  readonly spanMemory: SharedArrayBuffer | undefined;
  /** Whether payloads to others on this machine may go through memory instead of sockets. */
  readonly sharesMemory: boolean;
}

/** A line of the communication thread's log. */
export interface LogLine {
  readonly type: "log";
  readonly level: "info" | "warn";
  readonly text: string;
}

/** A message between the threads with the moment of its sending, while spans of time are kept. */
export type Stamped<Words> = Words & { readonly toldMs?: number };

/** What the coordinator says to the compute thread, by way of the communication thread. */
export type WorkMessage =
  | Welcome
  | Form
  | Assign
  | Commit
  | Evaluate
  | SendSnapshot
  | LateCommit
  | Initialise;

/** Everything that the communication thread says to the compute thread. */
export type ToCompute =
  | { readonly type: "work"; readonly message: WorkMessage }
  /** "A state comes in: until it is whole there is nothing to do." */
  | { readonly type: "restoring" }
  /** "The state after `step` updates lies in the vectors." */
  | { readonly type: "restored"; readonly step: number }
  /** "The sum of a committed step lies in `sum`: update with it, we are catching up." */
  | { readonly type: "replayed"; readonly step: number }
  /** "The sum has left; its buffer is yours again." */
  | { readonly type: "sum-sent"; readonly buffer: SharedArrayBuffer }
  /** "The gradient sum of this moment lies in `sum`." */
  | ({ readonly type: "summed" } & Moment)
  /** "Exchanges of former generations have let go: no partial of theirs is read any more." */
  | { readonly type: "let-go"; readonly generation: number }
  /** "The coordinator is lost: finish what it said, give up the fleet, and tell what you hold." */
  | { readonly type: "coordinator-lost" }
  /** "The snapshot has left, and its copy is yours again." */
  | { readonly type: "snapshot-sent" }
  /** "The snapshot on its way reads your copy: the vectors may change." */
  | { readonly type: "snapshot-secured" }
  /** "The coordinator has ended the run, or its part with us." My last message. */
  | { readonly type: "finished"; readonly reason: string }
  /** "We cannot go on." My last message. */
  | { readonly type: "failed"; readonly code: string; readonly message: string };

/** Where the vectors lie in the shared memory: byte offsets and numbers of floats. */
export interface MemoryMap {
  readonly memory: SharedMemory;
  readonly numParams: number;
  readonly numLeaves: number;
  readonly allReduce: "mesh" | "star";
  readonly wire: ElementType;
  /** Byte offsets of f32[numParams]. */
  readonly parameters: number;
  readonly firstMoments: number;
  readonly secondMoments: number;
  /** Byte offset of f32[numParams + 1]: the gradient sum, then the loss sum. */
  readonly sum: number;
  readonly scratch: number;
  readonly scratchFloats: number;
}

/** Everything that the compute thread says to the communication thread. */
export type ToCommunication =
  /** "Here are the vectors; state frames may be written." */
  | ({ readonly type: "memory" } & MemoryMap)
  | { readonly type: "send"; readonly message: Told }
  /** "The sum buffer is free: open the exchange of this moment." */
  | ({ readonly type: "begin"; readonly ranges: readonly LeafRange[] } & Moment)
  /** "This node's partial is done", at a byte offset, f32[numParams + 1]. */
  | ({ readonly type: "partial"; readonly node: LeafRange; readonly byteOffset: number } & Moment)
  /** "Send the state; it stays as it is until you say otherwise." `numRead`: see `LeavingSnapshot`. */
  | { readonly type: "snapshot"; readonly step: number; readonly numRead: Int32Array }
  /** "What you had not read of the state lies here": f32[3 * numParams]. */
  | { readonly type: "snapshot-copy"; readonly buffer: SharedArrayBuffer }
  /** "Send this copy of a committed step's sum": f32[numParams + 1]. */
  | { readonly type: "sum"; readonly step: number; readonly buffer: SharedArrayBuffer }
  /** "This is what I hold", without the coordinator; undefined: nothing whole. */
  | { readonly type: "holding"; readonly held: Omit<Held, "runId"> | undefined }
  /** "Say goodbye and end." */
  | { readonly type: "close"; readonly reason: string };

/** What the compute thread has to say to the coordinator. */
export type Told = Prepared | Computed | Ready | DigestReport | Evaluated | WorkerFailed;
