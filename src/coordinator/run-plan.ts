import type { Configuration } from "../configuration/configuration.ts";
import type { PeerAddress } from "../protocol/messages.ts";
import type { AuditPlan } from "./audits-of.ts";

/** What stays the same during a run: the decisions' constants. */
export interface RunPlan {
  /** Names the run with its configuration: who holds a state of another is not taken. */
  readonly runId: string;
  /** Updates of the whole run. */
  readonly steps: number;
  /** Leaves per step, M. */
  readonly numLeaves: number;
  /** Positions per step whose losses are summed. */
  readonly tokensPerStep: number;
  readonly evaluateEvery: number;
  readonly checkpointEvery: number;
  /** Validation batches; 0: the run is never evaluated. */
  readonly numEvaluationBatches: number;
  /** Positions in all validation batches. */
  readonly evaluationTokens: number;
  /** Members without which the first step does not begin. */
  readonly minWorkers: number;
  readonly allReduce: Configuration["allReduce"];
  /** Workers keep their state and call again when they lose us; local ones end with us. */
  readonly canReunite: boolean;
  /** Steps in a row that may be skipped because their gradient is not finite. */
  readonly maxSkippedSteps: number;
  /** Whether workers may compute with different engines: the result's bits then depend on who does what. */
  readonly allowsMixedEngines: boolean;
  /** Whether slow workers get fewer leaves; else all get as many. */
  readonly dividesBySpeed: boolean;
  /** Which leaves are computed twice, to compare. */
  readonly audit: AuditPlan;
  readonly limits: WaitLimits;
}

/** How long each wait may take, in ms, before who is late is dropped by name. */
export interface WaitLimits {
  /** For the first `minWorkers`, and for anybody after the last worker was lost. */
  readonly gatherMs: number;
  /** For workers of a coordinator that was killed to call again, while nobody holds the newest step. */
  readonly reunionMs: number;
  /** The same once somebody does, from when the last one came: who comes later joins as any other. */
  readonly regroupMs: number;
  /** From `welcome` to `prepared`: engines compile. */
  readonly prepareMs: number;
  /** From `form` to `linked`. */
  readonly linkMs: number;
  /** A step may take this, or what `stepLimitMs` finds in the last ones if that is more. */
  readonly stepMsMin: number;
  /** The same before there is a median: first uses compile. */
  readonly firstStepMs: number;
  /** A worker's validation batch before it has done one: its first compiles. */
  readonly evaluationMs: number;
  /** Its next ones may take this, or what `evaluationLimitMs` finds in its last ones if that is more. */
  readonly evaluationMsMin: number;
  /** A state to travel, without the time that its bytes take: `stateLimitMs` adds that. */
  readonly stateMsMin: number;
  /** A checkpoint to be written, without the time that its bytes take. Nobody waits for it but the end. */
  readonly saveMsMin: number;
  /** For a disk that has failed to take the checkpoint with which the run ends: it is tried again. */
  readonly lastSaveMs: number;
  /** How long after a failure. */
  readonly saveAgainMs: number;
  /** What a joiner may make the others wait at the boundary where it becomes a member. */
  readonly admitMs: number;
  /** How long both ends' word of a lost link waits for the coordinator to see a death itself, before all link up again. */
  readonly relinkMs: number;
  /**
   * The same where one end alone has told of it, or where all have linked up again before and somebody is to be
   * dropped: longer than two ends see a silence apart.
   */
  readonly accusationMs: number;
  /** The same while members miss links that nobody has told of: longer than a call that nobody answers. */
  readonly unnamedMs: number;
}

/**
 * Generous: a deadline is for what would never end. A process that dies or freezes is noticed by its
 * link (closed at once, silent for 1 s) long before.
 */
export const DEFAULT_WAIT_LIMITS: WaitLimits = {
  gatherMs: 600_000,
  reunionMs: 15_000,
  regroupMs: 1_000,
  prepareMs: 600_000,
  linkMs: 60_000,
  stepMsMin: 60_000,
  firstStepMs: 1_800_000,
  evaluationMs: 600_000,
  evaluationMsMin: 60_000,
  stateMsMin: 60_000,
  saveMsMin: 600_000,
  lastSaveMs: 600_000,
  saveAgainMs: 10_000,
  admitMs: 60_000,
  relinkMs: 200,
  accusationMs: 1_000,
  unnamedMs: 12_000,
};

/** Steps between comparisons of all replicas' digests, besides those at checkpoints and at the end. */
export const DIGEST_EVERY = 50;

/** Steps whose tokens are on their way or there: the one computed and the next. */
export const ASSIGNED_AHEAD = 2;

/** Validation batches that one worker has at a time: one computed, one waiting. */
export const EVALUATIONS_PER_WORKER = 2;

/** Where a worker's peers find it. */
export interface WorkerPlace {
  /** For people, for example "host-b/4711". */
  readonly name: string;
  readonly address: PeerAddress | undefined;
}
