import type { FormerShare } from "../collective/grow-ranges.ts";
import type { Held, LeafRange, PeerWait, Ready, TensorShape } from "../protocol/messages.ts";
import type { CheckpointFacts, RunOutcome } from "./run-effects.ts";
import type { RunPlan, WorkerPlace } from "./run-plan.ts";

/**
 * Everything that the coordinator's decisions depend on. A value: transitions make new ones.
 *
 * Long, since it is types alone, and each field says what it means.
 */
export interface RunState {
  readonly plan: RunPlan;
  /** Updates committed. */
  readonly step: number;
  /** The generation in which the newest of them was; undefined: none yet, or the files do not say. */
  readonly committedIn: number | undefined;
  /** Membership number of the newest `form`; 0: no fleet yet. */
  readonly generation: number;
  /** Everybody with a link, by id, in the order of arrival. */
  readonly workers: ReadonlyMap<number, WorkerEntry>;
  /** Ids of the fleet's members, ascending: the order of `form`. */
  readonly members: readonly number[];
  readonly phase: Phase;
  /** Whether a first fleet was formed: before, `minWorkers` are waited for; after, anybody. */
  readonly hasBegun: boolean;
  /** Set while workers are awaited who have lost their coordinator, killed or cut off; see `reunite`. */
  readonly reunion: Reunion | undefined;
  /** The last of the steps that the run has gone back from: who holds one has it of a history that does not count. */
  readonly voidThrough: number;
  /** Nobody else is expected to come. */
  readonly isClosed: boolean;
  /** Steps below this are assigned in this generation. */
  readonly assignedThrough: number;
  /** How the leaves of the steps that are assigned and not committed are divided, by step. */
  readonly assigned: ReadonlyMap<number, readonly LeafRange[]>;
  /**
   * What workers have of the current step from a former generation's attempt, by id, the lost ones' too: they keep
   * it. Empty: the step is done for the first time, or everything is computed again.
   */
  readonly kept: ReadonlyMap<number, FormerShare>;
  /** How those of the next steps are; undefined: this generation has assigned none yet. */
  readonly division: Division | undefined;
  /** What a leaf took, in ms, in each worker's newest steps, oldest first. */
  readonly leafMs: ReadonlyMap<number, readonly number[]>;
  /** What each worker took for its newest validation batches, in ms, from being given one; oldest first. */
  readonly batchMs: ReadonlyMap<number, readonly number[]>;
  /** Members whose leaves of the current step are done. */
  readonly computed: ReadonlySet<number>;
  /** Members who hold the current step's sum. */
  readonly ready: ReadonlyMap<number, Ready>;
  /** What those who take part in the current step's exchange wait for, as far as they were asked. */
  readonly peerWaits: ReadonlyMap<number, readonly PeerWait[]>;
  /** The unusual waits that events.jsonl has told of, the longest of each kind. */
  readonly notedWaits: readonly NotedWait[];
  /** When the current step could begin. */
  readonly stepSinceMs: number;
  /** Times of the newest steps, oldest first. */
  readonly recentStepMs: readonly number[];
  /** Training time and tokens since this start. */
  readonly trainedMs: number;
  readonly trainedTokens: number;
  readonly trainLoss: number | undefined;
  readonly validationLoss: number | undefined;
  /** The step of the newest finished evaluation; -1: none yet. */
  readonly evaluatedStep: number;
  readonly evaluation: Evaluation | undefined;
  /** The newest evaluation's number. */
  readonly evaluationId: number;
  /** Sums that are kept for joiners; undefined: nobody needs any. */
  readonly replay: Replay | undefined;
  /** The boundary at which joiners become members; undefined: none is set. */
  readonly admission: Admission | undefined;
  /** The newest snapshot, on its way or here. */
  readonly snapshot: Snapshot | undefined;
  /** The checkpoint being written: no second one is begun before the shell has told of its end. */
  readonly saving: Saving | undefined;
  /** The newest checkpoint on disk; step 0: none. */
  readonly saved: { readonly step: number; readonly digest: string | undefined };
  /** The newest checkpoint that could not be written; undefined once a newer one is. */
  readonly failedSave: FailedSave | undefined;
  readonly digests: DigestRound | undefined;
  /** Members who said different things of the same: to be taken out. */
  readonly dispute: Dispute | undefined;
  /** The newest checkpoint when all members were taken out, since nobody knew who of them was right. */
  readonly distrustedAt: number | undefined;
  /** What audits have found in this start of the run. */
  readonly audited: AuditCounts;
  /** Members have computed leaves of the current step differently: it is done again. */
  readonly suspicion: Suspicion | undefined;
  /** The newest digest on which all agreed. */
  readonly agreed: { readonly step: number; readonly digest: string } | undefined;
  /** Digest of the parameters made from the seed, once the first worker has told. */
  readonly initialDigest: string | undefined;
  /** What all compute with, once the first worker has told: see `engineFingerprint`. */
  readonly fingerprint: string | undefined;
  /** Steps skipped since the last update. */
  readonly skippedInARow: number;
  /** The parameters' order, once the first worker has told. */
  readonly layout: readonly TensorShape[] | undefined;
  /** Reports of lost peers in this generation that the coordinator has not seen lost itself. */
  readonly accusations: readonly Accusation[];
  /** When each worker's newest reports of lost peers had consequences, oldest first. */
  readonly caused: ReadonlyMap<number, readonly number[]>;
  /** Fleets formed again with the same members since the last commit. */
  readonly relinks: number;
  /** Set once: the run is to end after a checkpoint of the current step. */
  readonly ending: RunOutcome | undefined;
  /** Commits not yet written to events.jsonl. */
  readonly unrecorded: CommitRange | undefined;
  /** Messages of another moment that were refused. */
  readonly numStale: number;
  readonly lateFrames: LateFrames;
}

/** Frames of past moments that members, or the coordinator in a star, have refused in this start. */
export interface LateFrames {
  readonly numFrames: number;
  /** How many of them events.jsonl has told of, and when last. */
  readonly numTold: number;
  readonly toldMs: number;
}

/** A wait that was told of, until it is twice as long or over. */
export interface NotedWait {
  readonly kind: string;
  readonly sinceMs: number;
  /** Told again, and everybody asked again, from then on. */
  readonly nextMs: number;
}

/** How leaves are divided, in the order of the members. */
export interface Division {
  readonly ranges: readonly LeafRange[];
  /** It is not looked for a better one before this step. */
  readonly keptUntil: number;
}

/** A worker with a link. */
export interface WorkerEntry extends WorkerPlace {
  /** Its kind of processor, once it has told. */
  readonly processor?: string;
  /** What it said it holds, if it came back with a state of the run. */
  readonly held?: Holding;
  readonly standing: Standing;
}

/** How far a worker has come. */
export type Standing =
  /** Makes its engine, and waits for state when it was promised some. */
  | { readonly type: "preparing"; readonly sinceMs: number; readonly step: number }
  /** Has an engine and the parameters of `step`, with this digest. */
  | {
      readonly type: "prepared";
      readonly step: number;
      readonly digest: string;
      /** Since when it has been sent the sum of `step`, to update by itself; undefined: it was not. */
      readonly replayingSinceMs: number | undefined;
    }
  /** Receives the state of `step`. */
  | { readonly type: "restoring"; readonly sinceMs: number; readonly step: number }
  | { readonly type: "member" };

/** What the fleet as a whole is about. */
export type Phase =
  | { readonly type: "gathering"; readonly sinceMs: number }
  | { readonly type: "linking"; readonly sinceMs: number; readonly pending: ReadonlySet<number> }
  | { readonly type: "training" }
  | { readonly type: "evaluating" }
  /** Nothing computes until the snapshot of this step is here, or written. */
  | { readonly type: "saving"; readonly sinceMs: number }
  /** Nothing computes until joiners have this step's parameters. */
  | { readonly type: "admitting"; readonly sinceMs: number }
  | { readonly type: "ended"; readonly outcome: RunOutcome };

/** An evaluation under way: it survives changes of the fleet. */
export interface Evaluation {
  readonly evaluationId: number;
  readonly sinceMs: number;
  /** Batches never given out start here. */
  readonly nextBatch: number;
  /** Batches of lost workers. */
  readonly returned: readonly number[];
  readonly outstanding: ReadonlyMap<
    number,
    { readonly workerId: number; readonly sinceMs: number }
  >;
  /** Results that wait for one of a lower index. */
  readonly early: ReadonlyMap<number, number>;
  /** Batches below this are in `lossSum`, added in the order of their index. */
  readonly numSummed: number;
  /** f64. */
  readonly lossSum: number;
}

/** Parameters and moments after `step` updates, asked of one member. */
export interface Snapshot {
  readonly step: number;
  readonly donorId: number;
  readonly sinceMs: number;
  /** Set when all of it is here. */
  readonly digest: string | undefined;
  /** Whether it has become, or is becoming, a checkpoint. */
  readonly isSaved: boolean;
  /** What was known when it was asked for: training goes on while it travels. */
  readonly known: Pick<CheckpointFacts, "trainLoss" | "validationLoss" | "evaluatedStep">;
}

/** The sums of the steps [from, until), and of those that are committed from now on. */
export interface Replay {
  /** The member that sends the sum of each committed step. */
  readonly donorId: number;
  readonly from: number;
  readonly until: number;
  /** When the newest came. */
  readonly sinceMs: number;
}

/** Joiners who become members at the boundary before `step`: the fleet waits for them there. */
export interface Admission {
  readonly step: number;
  readonly workerIds: readonly number[];
}

/** A checkpoint on its way to the disk. */
export interface Saving {
  readonly step: number;
  readonly digest: string;
  readonly sinceMs: number;
  /** It has taken longer than its limit: nobody waits for it, though it may still come to its end. */
  readonly isGivenUp: boolean;
}

/** A checkpoint that could not be written. */
export interface FailedSave {
  readonly step: number;
  readonly code: string;
  readonly message: string;
  readonly failedMs: number;
  readonly retry: Retry;
}

/** Whether a failed checkpoint is tried again: only when it is the one with which the run ends. */
export type Retry =
  /** The run goes on without it, so far. */
  | { readonly type: "none" }
  /** The end waits, since then, for the next try. */
  | { readonly type: "waiting"; readonly sinceMs: number }
  | { readonly type: "trying"; readonly sinceMs: number }
  | { readonly type: "over" };

/** The digests of all members after the same update. */
export interface DigestRound {
  readonly step: number;
  readonly sinceMs: number;
  readonly pending: ReadonlySet<number>;
  readonly reports: ReadonlyMap<number, string>;
}

/** Who disagrees with the majority; without one nobody can be trusted. */
export interface Dispute {
  readonly step: number;
  readonly oddIds: readonly number[];
  readonly majority: string | undefined;
  /** What was compared: "parameters", "loss and gradient norm". */
  readonly what: string;
}

/** What a member has found in an audited leaf: the digest of its gradient and loss. */
export interface AuditReport {
  readonly workerId: number;
  readonly digest: string;
}

/** Leaves on which members differ, with what they have found in the attempts so far. */
export interface Suspicion {
  readonly step: number;
  readonly leaves: ReadonlyMap<number, readonly AuditReport[]>;
}

/** Leaves that were audited in committed steps. */
export interface AuditCounts {
  readonly leaves: number;
  /** Leaves that members have computed differently. */
  readonly mismatches: number;
  /** Of these, those of which nobody knows who was right. */
  readonly unresolved: number;
}

/** "`accuserId` lost its link to `accusedId`." */
export interface Accusation {
  /** Whether the accuser could not call the accused where that says it is reached. */
  readonly isCall: boolean;
  readonly accuserId: number;
  readonly accusedId: number;
  readonly reason: string;
  readonly sinceMs: number;
}

/** Steps [from, to) that were committed by the same fleet with the same division of leaves. */
export interface CommitRange {
  readonly from: number;
  readonly to: number;
  readonly generation: number;
  /** Whose the leaves [lo, hi) were. */
  readonly leaves: readonly (LeafRange & { readonly workerId: number | undefined })[];
}

/** The workers of a fleet all of whose links have ended, and what is known of its steps. */
export interface Reunion {
  readonly sinceMs: number;
  /** When the last one came. */
  readonly cameMs: number;
  readonly journal: JournalFacts;
  /** What each that came back said it holds; entries of those lost again stay, and mean nothing. */
  readonly held: ReadonlyMap<number, Holding>;
}

/** What one that came back holds. */
export type Holding = Omit<Held, "runId">;

/** What the coordinator knows, or reads in the files of its killed predecessor. */
export interface JournalFacts {
  /** Steps committed. */
  readonly step: number;
  /** As in `RunState`. */
  readonly committedIn: number | undefined;
  readonly voidThrough: number;
  readonly trainLoss: number | undefined;
  readonly validationLoss: number | undefined;
  readonly evaluatedStep: number;
  /** Members of the newest fleet. */
  readonly memberIds: readonly number[];
}

/** Where a run starts: from the seed, or from a checkpoint. */
export interface RunStart {
  readonly step: number;
  /** Of the checkpoint's parameters. */
  readonly digest: string | undefined;
  readonly trainLoss: number | undefined;
  readonly validationLoss: number | undefined;
  readonly evaluatedStep: number;
}

/** What a start takes over from those before. */
export interface Heritage {
  /** The newest membership number. */
  readonly generation: number;
  /** Set when the former coordinator was killed, and its workers may live on. */
  readonly journal: JournalFacts | undefined;
}

/** The heritage of a run's first start. */
export const NO_HERITAGE: Heritage = { generation: 0, journal: undefined };

/** The start of a run that has no checkpoint yet. */
export const FRESH_START: RunStart = {
  step: 0,
  digest: undefined,
  trainLoss: undefined,
  validationLoss: undefined,
  evaluatedStep: -1,
};

/** The state before the first event. */
export function initialRunState(
  plan: RunPlan,
  start: RunStart,
  nowMs: number,
  { generation, journal }: Heritage = NO_HERITAGE,
): RunState {
  const { step, digest, trainLoss, validationLoss, evaluatedStep } = start;
  return {
    ...{ plan, step, trainLoss, validationLoss, evaluatedStep },
    committedIn: undefined,
    voidThrough: journal?.voidThrough ?? 0,
    generation,
    reunion:
      journal === undefined
        ? undefined
        : { sinceMs: nowMs, cameMs: nowMs, journal, held: new Map() },
    workers: new Map(),
    members: [],
    phase: { type: "gathering", sinceMs: nowMs },
    hasBegun: false,
    isClosed: false,
    assignedThrough: step,
    ...{
      assigned: new Map(),
      kept: new Map(),
      division: undefined,
      leafMs: new Map(),
      batchMs: new Map(),
    },
    computed: new Set(),
    ready: new Map(),
    peerWaits: new Map(),
    notedWaits: [],
    stepSinceMs: nowMs,
    recentStepMs: [],
    ...{ trainedMs: 0, trainedTokens: 0 },
    evaluation: undefined,
    evaluationId: 0,
    replay: undefined,
    admission: undefined,
    snapshot: undefined,
    saving: undefined,
    saved: { step, digest },
    failedSave: undefined,
    digests: undefined,
    ...{ dispute: undefined, distrustedAt: undefined },
    ...{ audited: { leaves: 0, mismatches: 0, unresolved: 0 }, suspicion: undefined },
    agreed: digest === undefined ? undefined : { step, digest },
    initialDigest: undefined,
    layout: undefined,
    fingerprint: undefined,
    skippedInARow: 0,
    ...{ accusations: [], caused: new Map() },
    relinks: 0,
    ending: undefined,
    unrecorded: undefined,
    numStale: 0,
    lateFrames: { numFrames: 0, numTold: 0, toldMs: Number.NEGATIVE_INFINITY },
  };
}
