import type { AuditCounts } from "./run-state.ts";

/** How a run ended, and what it gives: the content of `summary.json`. */
export interface RunSummary {
  /**
   * `completed`: all steps done. `interrupted`: stopped by request, after a checkpoint. `failed`: `error`
   * says by what.
   */
  readonly status: "completed" | "interrupted" | "failed";
  /** Optimizer updates that the run has behind it, those before a resume included. */
  readonly steps: number;
  /** Mean loss of the last step in nats per token; null before the first. */
  readonly trainLoss: number | null;
  /** Mean over the whole validation part at the last evaluation; null when there was none. */
  readonly validationLoss: number | null;
  /** SHA-256 of the flat parameters after `steps` updates; null when no worker could tell. */
  readonly parameterDigest: string | null;
  /** Training tokens per second of this start of the run, without gathering and evaluations. */
  readonly tokensPerSecond: number;
  /** Training tokens of all steps. */
  readonly tokens: number;
  /** Time of all starts of the run, in ms. */
  readonly wallMs: number;
  /** Members at the end, or when the last one was lost. */
  readonly workers: number;
  /** How many times the run was resumed, or a local worker started again. */
  readonly restarts: number;
  /** Of these, local workers that had ended early. */
  readonly workerRestarts: number;
  /** The step of the newest checkpoint on disk; null when there is none. */
  readonly checkpointStep: number | null;
  /** With audits: leaves that were computed twice in this start of the run, and how often they differed. */
  readonly audit?: AuditCounts;
  /** Tensor frames of past generations or steps that were refused in this start of the run. */
  readonly lateFrames: number;
  readonly error?: { readonly code: string; readonly message: string };
}
