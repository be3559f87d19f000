/** Somebody who is told of a run as it is written down; must not throw. */
export interface RunObserver {
  /** A row of metrics.jsonl. */
  onMetrics(row: Readonly<Record<string, unknown>>): void;
  /** A checkpoint is whole, in `folder`. */
  onCheckpoint(step: number, folder: string): void;
}
