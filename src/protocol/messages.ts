// All messages in one file, types alone, however many they are: the protocol at a glance.
import type { Configuration } from "../configuration/configuration.ts";

/** Raised whenever a message or a frame changes its meaning; both sides must have the same. */
export const PROTOCOL_VERSION = 5;

/** A half-open range of leaves: [lo, hi). */
export interface LeafRange {
  readonly lo: number;
  readonly hi: number;
}

/** Where a worker can be reached by its peers; undefined when it does not listen (allReduce=star). */
export interface PeerAddress {
  readonly host: string;
  readonly port: number;
  /** SHA-256 of the certificate that the worker shows its peers, base64url; undefined: without TLS. */
  readonly fingerprint?: string;
}

/** A place in the run: frames and messages of another place are refused and counted. */
export interface Moment {
  /** Membership number, +1 at every change of the members. */
  readonly generation: number;
  /** Optimizer updates done before. */
  readonly step: number;
}

/** One parameter tensor: its place follows from the order in the layout. */
export interface TensorShape {
  readonly name: string;
  readonly shape: readonly number[];
}

// ---- worker to coordinator ----------------------------------------------------------------------

/** The state that a worker keeps when its link to the coordinator ends. */
export interface Held {
  /** Of the run, from `welcome`. */
  readonly runId: string;
  /** Updates done. */
  readonly step: number;
  readonly digest: string;
  /** The generation in which I said `ready` for `step`, when I heard no commit and still hold that sum. */
  readonly sumGeneration?: number;
}

/** "I want to work for you." The first message on a link. */
export interface Hello {
  readonly type: "hello";
  readonly protocolVersion: number;
  /** For people, for example "host-b/4711". */
  readonly name: string;
  /** The version of the smallinit package, for messages. */
  readonly packageVersion: string;
  /** Port on which peers reach me; 0: I do not listen. */
  readonly peerPort: number;
  /** Host at which peers reach me; undefined: where you see me. */
  readonly peerHost?: string;
  /** Of the certificate that I show my peers; undefined: they reach me without TLS. */
  readonly peerFingerprint?: string;
  /** What I hold of a run whose coordinator I have lost. */
  readonly held?: Held;
}

/** "I have an engine and the parameters of `step`, whose digest is `digest`." The answer to `welcome`. */
export interface Prepared {
  readonly type: "prepared";
  readonly step: number;
  readonly digest: string;
  readonly layout: readonly TensorShape[];
  readonly engine: string;
  readonly device: string;
  readonly runtime: string;
  readonly numThreads: number;
  /** Kind of processor, for example "x64 AMD EPYC 7763": other kinds may round differently. */
  readonly processor: string;
}

/** "I am linked to all members of `generation`." The answer to `form`. */
export interface Linked {
  readonly type: "linked";
  readonly generation: number;
}

/** "My leaves of `step` are done." Tells who computes from who waits; nothing depends on it. */
export interface Computed extends Moment {
  readonly type: "computed";
}

/** "I hold the gradient sum of `step`; nothing is updated yet." */
export interface Ready extends Moment {
  readonly type: "ready";
  /** Loss sum over the step's tokens, the same on every worker. */
  readonly lossSum: number;
  /** L2 norm of the mean gradient before the clip, the same on every worker. */
  readonly gradientNorm: number;
  /** What my compute thread spent on my leaves, those that it kept included. */
  readonly computeMs: number;
  /** From my last leaf's end to holding the sum. */
  readonly exchangeMs: number;
  /** When the sum is not finite: the first of my leaves that is not finite by itself, if one is. */
  readonly badLeaf?: number;
  /** Of the leaves that `assign` named in `audit`. */
  readonly audited?: readonly AuditedLeaf[];
  /** Frames of my peers that I refused since my last `ready`, for their generation or step was over. */
  readonly lateFrames?: number;
}

/** What I have found in a leaf: the SHA-256 of its gradient, f32 little-endian, followed by its loss sum. */
export interface AuditedLeaf {
  readonly leaf: number;
  readonly digest: string;
}

/**
 * "After the update that ended `step` - 1, my parameters have this digest." When `commit` asked, after
 * the last `state` frame of a snapshot, and after an update with a sum of `replay` frames.
 */
export interface DigestReport {
  readonly type: "digest";
  readonly step: number;
  readonly digest: string;
}

/** "The loss sum of evaluation batch `batchIndex` is `lossSum`." */
export interface Evaluated {
  readonly type: "evaluated";
  readonly evaluationId: number;
  readonly batchIndex: number;
  readonly lossSum: number;
}

/** What a participant of an exchange waits for. */
export interface PeerWait {
  readonly peerId: number;
  /** For people, after the peer's name: "to send chunk 2/5 and 3 more". */
  readonly what: string;
}

/** "My exchange of `step` waits for these." The answer to `report-waits`; none: not for a peer. */
export interface Waiting extends Moment {
  readonly type: "waiting";
  readonly waits: readonly PeerWait[];
}

/** "I lost my link to `peerId`", or could not make one. */
export interface PeerLost {
  readonly type: "peer-lost";
  readonly generation: number;
  readonly peerId: number;
  readonly reason: string;
}

/** "I cannot go on": an engine that fails, a memory that does not suffice. My last message. */
export interface WorkerFailed {
  readonly type: "worker-failed";
  readonly code: string;
  readonly message: string;
}

/** Everything a worker says to the coordinator. */
export type WorkerToCoordinator =
  | Hello
  | Prepared
  | Linked
  | Computed
  | Ready
  | DigestReport
  | Evaluated
  | Waiting
  | PeerLost
  | WorkerFailed;

// ---- coordinator to worker ----------------------------------------------------------------------

/**
 * "You are worker `workerId`. Make an engine for this configuration." The answer to `hello`.
 *
 * Who joins a run under way is welcomed at step 0 without `restore`, answers `prepared` when its engine
 * stands, and is then sent `state` frames, whose step it answers with another `prepared`.
 */
export interface Welcome {
  readonly type: "welcome";
  readonly workerId: number;
  /** Complete and checked; you check it again. */
  readonly configuration: Configuration;
  /** Where the run stands: 0 and `restore` false means initialise from the seed. */
  readonly step: number;
  /** Parameters and optimizer moments follow as `state` frames. */
  readonly restore: boolean;
  /** You go on from the state that your `hello` named; nothing is initialised. */
  readonly keep: boolean;
  /** Others train already: use your engine once before you say that you are prepared. */
  readonly isUnderWay: boolean;
  /** Names the run, with its configuration: the same after a restart of the coordinator. */
  readonly runId: string;
  /** Of it and the join token, members of the mesh make what they prove to one another; one per run. */
  readonly meshSecret: string;
  /** Where peers will dial you; for people. */
  readonly address?: PeerAddress;
}

/** "I do not take you" or "you are out", with the reason. My last message. */
export interface Reject {
  readonly type: "reject";
  readonly code: string;
  readonly message: string;
}

/** "From now on generation `generation` consists of these members; link up." Ends any step under way. */
export interface Form extends Moment {
  readonly type: "form";
  /** In the order that numbers chunk owners. */
  readonly members: readonly { readonly workerId: number; readonly address?: PeerAddress }[];
}

/** "In `step`, these are everybody's leaves, and here are the tokens of yours." */
export interface Assign extends Moment {
  readonly type: "assign";
  /** By member, in the order of `form`; contiguous, together [0, M). */
  readonly ranges: readonly LeafRange[];
  /**
   * uint32 little-endian tokens of your leaves, then of those in `audit` that are not yours:
   * [numLeaves · microBatchSize · (contextLength + 1)].
   */
  readonly tokens: Uint8Array;
  /**
   * Leaves of which I want a digest, ascending. Those that are not yours are computed for that alone: they
   * are not part of your partials.
   */
  readonly audit?: readonly number[];
  /** This step was begun before: what you have computed of your leaves since then counts. Missing: nothing does. */
  readonly keep?: boolean;
}

/** "All hold the sum of `step`: it counts. Update." Or, with `skip`: go on without an update. */
export interface Commit extends Moment {
  readonly type: "commit";
  /** The sum is not finite: the step is over, parameters and moments stay as they are. */
  readonly skip: boolean;
  /** Report your digest after the update. */
  readonly digest: boolean;
  /** Send me parameters and moments after the update, as `state` frames. Asked of one member. */
  readonly snapshot: boolean;
  /** Send me this step's sum, as `replay` frames: for joiners. Asked of one member. */
  readonly sum: boolean;
}

/** "The step takes long: whom do you wait for?" */
export interface ReportWaits extends Moment {
  readonly type: "report-waits";
}

/** "Compute the loss of this validation batch." */
export interface Evaluate {
  readonly type: "evaluate";
  readonly evaluationId: number;
  readonly batchIndex: number;
  readonly numSequences: number;
  /** Positions per sequence. */
  readonly length: number;
  /** uint32 little-endian tokens: [numSequences · (length + 1)]. */
  readonly tokens: Uint8Array;
}

/** "Send me parameters and moments as they stand after `step` updates, as `state` frames." */
export interface SendSnapshot {
  readonly type: "send-snapshot";
  readonly step: number;
}

/**
 * "The sum of `step` that you hold counts, though its commit did not reach you: update." To a worker that
 * came back; answered by `prepared`.
 */
export interface LateCommit {
  readonly type: "late-commit";
  readonly step: number;
}

/** "Initialise from the seed again." To one who is no member; answered by `prepared` at step 0. */
export interface Initialise {
  readonly type: "initialise";
}

/** "The run has ended; you are free." */
export interface Finish {
  readonly type: "finish";
  readonly reason: string;
}

/** Everything the coordinator says to a worker. */
export type CoordinatorToWorker =
  | Welcome
  | Reject
  | Form
  | Assign
  | Commit
  | ReportWaits
  | Evaluate
  | SendSnapshot
  | LateCommit
  | Initialise
  | Finish;

// ---- worker to worker ---------------------------------------------------------------------------

/**
 * "I am worker `workerId`." The first message on a mesh link, from the dialling side; that both are of the
 * same run was proved when the link was opened.
 */
export interface PeerHello {
  readonly type: "peer-hello";
  readonly protocolVersion: number;
  readonly workerId: number;
}

/** "I am the worker that you called; go ahead." */
export interface PeerWelcome {
  readonly type: "peer-welcome";
  readonly workerId: number;
}

/** Everything workers say to each other, but for tensors. */
export type WorkerToWorker = PeerHello | PeerWelcome;

/** Any control message. */
export type Message = WorkerToCoordinator | CoordinatorToWorker | WorkerToWorker;
