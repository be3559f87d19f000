/** How far a run of a study is, from what its folder holds. */
export type RunStanding =
  /** Nothing is there: start it. */
  | "missing"
  /** It was begun and not ended: resume it from its newest checkpoint. */
  | "begun"
  /** All steps are done. */
  | "completed"
  /** Its gradient became infinite or no number: that is its result. */
  | "diverged";

/** What decides. */
export interface RunTraces {
  /** Whether there is a `config.json`. */
  readonly isBegun: boolean;
  /** The content of `summary.json`, of the last start that ended by itself. */
  readonly summary:
    | { readonly status: string; readonly error?: { readonly code: string } | undefined }
    | undefined;
}

/** Judges a run's folder. Any other failure than divergence is the machine's, and tried again. */
export function runStanding({ isBegun, summary }: RunTraces): RunStanding {
  if (!isBegun) return "missing";
  if (summary?.status === "completed") return "completed";
  if (summary?.status === "failed" && summary.error?.code === "ERR_NOT_FINITE") return "diverged";
  return "begun";
}

/** Whether there is nothing left to do. */
export function isOver(standing: RunStanding): boolean {
  return standing === "completed" || standing === "diverged";
}
