import type {
  Commit,
  Finish,
  Form,
  LateCommit,
  LeafRange,
  Moment,
  PeerAddress,
  Reject,
  ReportWaits,
  SendSnapshot,
} from "../protocol/messages.ts";
import type { Audit } from "./audits-of.ts";

/** Something that the shell does on the machine's word, in the order given. */
export type RunEffect =
  | {
      readonly type: "send";
      readonly workerId: number;
      readonly message: Form | Commit | Finish | SendSnapshot | LateCommit | ReportWaits;
    }
  /** Asks the coordinator's own part in a star whom it waits for. */
  | ({ readonly type: "report-star-waits" } & Moment)
  /** Answers a `hello`. */
  | {
      readonly type: "welcome";
      readonly workerId: number;
      readonly step: number;
      readonly restore: boolean;
      readonly address?: PeerAddress;
      /** It goes on from what it holds. */
      readonly keep: boolean;
      /** Others train already. */
      readonly isUnderWay: boolean;
    }
  /**
   * Sends the state after `step` updates, from the last snapshot or the checkpoint, as frames; at step 0
   * tells the worker to initialise from the seed.
   */
  | { readonly type: "send-state"; readonly workerId: number; readonly step: number }
  /** Says why and closes the link. */
  | { readonly type: "drop"; readonly workerId: number; readonly reject: Reject }
  /** A worker is not of the run any more, by whichever fault: told to who started its process. */
  | { readonly type: "lost"; readonly name: string }
  /** Sends each member the tokens of its leaves, and of those it audits; `ranges` in the order of `members`. */
  | ({
      readonly type: "assign";
      readonly members: readonly number[];
      readonly ranges: readonly LeafRange[];
      readonly audits: readonly Audit[];
      /** Whether members keep what they have computed of this step in a former generation. */
      readonly keep: boolean;
    } & Moment)
  /** Sends one validation batch. */
  | {
      readonly type: "evaluate";
      readonly workerId: number;
      readonly evaluationId: number;
      readonly batchIndex: number;
    }
  /** From now on, collects the `state` frames of `workerId`. */
  | { readonly type: "collect-snapshot"; readonly workerId: number; readonly step: number }
  /** From now on, collects the `replay` frames of `workerId` that make up the sum of `step`. */
  | { readonly type: "collect-sum"; readonly workerId: number; readonly step: number }
  /** Sends a collected sum to a joiner. */
  | { readonly type: "send-sum"; readonly workerId: number; readonly step: number }
  /** Forgets the sums of steps before `below`, also those on their way. `isOver`: nobody catches up any more. */
  | { readonly type: "forget-sums"; readonly below: number; readonly isOver: boolean }
  /** Writes the collected snapshot as checkpoint `step`, in the background. */
  | { readonly type: "save"; readonly step: number; readonly facts: CheckpointFacts }
  /** Forgets metrics after `step`: the whole fleet was lost, and the checkpoint of `step` is taken. */
  | { readonly type: "rewind"; readonly step: number; readonly evaluatedStep: number }
  /** One row of metrics.jsonl. */
  | { readonly type: "metrics"; readonly row: StepFacts | EvaluationFacts }
  /** One line of events.jsonl. */
  | { readonly type: "record"; readonly record: RunRecord }
  | { readonly type: "log"; readonly level: "info" | "warn"; readonly text: string }
  /** Nothing more will happen. */
  | { readonly type: "end"; readonly outcome: RunOutcome };

/** What a checkpoint's state.json keeps of the machine. */
export interface CheckpointFacts {
  readonly step: number;
  readonly parameterDigest: string;
  readonly trainLoss: number | undefined;
  /** Of the newest evaluation. */
  readonly validationLoss: number | undefined;
  /** The step of the newest evaluation; -1: none yet. */
  readonly evaluatedStep: number;
}

/** What one committed step gives. `step` counts updates done, this one included. */
export interface StepFacts {
  readonly step: number;
  /** NaN or infinite in a step that was skipped: null in the file. */
  readonly loss: number;
  readonly gradientNorm: number;
  readonly tokens: number;
  readonly stepMs: number;
  readonly tokensPerSecond: number;
  readonly workers: number;
  /** Whether nothing was updated, because loss or gradient were not finite. */
  readonly skipped?: true;
  /** What the slowest member spent on its leaves. */
  readonly computeMs: number;
  /** From the last member's last leaf to its holding the sum. */
  readonly exchangeMs: number;
}

/** The mean loss over the whole validation part after `step` updates. */
export interface EvaluationFacts {
  readonly step: number;
  readonly validationLoss: number;
}

/** One line of events.jsonl, but for its time. */
export type RunRecord = { readonly type: string } & Readonly<Record<string, unknown>>;

/** How the run ended. */
export interface RunOutcome {
  readonly status: "completed" | "interrupted" | "failed";
  readonly error?: { readonly code: string; readonly message: string };
}
