import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Configuration } from "../configuration/configuration.ts";
import type { ValidationBatches } from "../data/validation-batches.ts";
import type { RunJournal } from "./run-journal.ts";
import type { RunStatus } from "./run-status.ts";
import type { SnapshotStore } from "./snapshot-store.ts";
import type { TokenFeed } from "./token-feed.ts";

/** What the shell around the machine works with. */
export interface CoordinatorMeans {
  readonly configuration: Configuration;
  readonly meshSecret: string;
  readonly runId: string;
  /** Ids of workers begin here: those below were given by former starts. */
  readonly firstWorkerId: number;
  readonly feed: TokenFeed;
  readonly batches: ValidationBatches;
  readonly store: SnapshotStore;
  readonly journal: RunJournal;
  readonly tokenizer: unknown;
  readonly clock: Clock;
  readonly log: Log;
  onStatus(status: RunStatus): void;
  /** A worker was lost or dropped, by the name that it gave. */
  onLost(name: string): void;
}
