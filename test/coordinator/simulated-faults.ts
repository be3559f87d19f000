/** What a schedule may do to a run, as probabilities per event while faults last. */
export interface Faults {
  readonly kill: number;
  readonly freeze: number;
  readonly join: number;
  readonly failSave: number;
  /** Somebody frozen goes on, whether its link was given up meanwhile or not. */
  readonly thaw?: number;
  /** The link between a worker and the coordinator is cut, and what was under way in part lost. */
  readonly cut?: number;
  /** The same, but the coordinator is not told: the worker calls again before its old link ends. */
  readonly halfOpen?: number;
  /** A link between two living workers is cut: both see it, each at some time soon. */
  readonly peerCut?: number;
  /** The same link carries nothing any more: both see it by its silence. */
  readonly peerHalfOpen?: number;
  /** A link carries nothing for a while, in either direction. */
  readonly delay?: number;
  /** A message from a worker is heard twice. */
  readonly duplicate?: number;
  /** The coordinator is killed, also between any two of its effects, and started again. */
  readonly crash?: number;
  /** Of the crashes, those that take what the disk had not been told to keep. */
  readonly powerCut?: number;
  /** The disk becomes full, or has room again: the coordinator's lines wait in its memory meanwhile. */
  readonly fullDisk?: number;
  /** Events after which nothing goes wrong any more. */
  readonly until: number;
}

/** Nothing goes wrong. */
export const CALM: Faults = { kill: 0, freeze: 0, join: 0, failSave: 0, until: 0 };

/** A kind of fault, and how often it came to pass. Links that overtake one another are `reorder`. */
export type FaultCounts = Map<Exclude<keyof Faults, "until"> | "reorder" | "lose", number>;
