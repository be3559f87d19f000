import { TrainerError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Configuration } from "../configuration/configuration.ts";
import type { RunEffect } from "./run-effects.ts";
import type { RunEvent } from "./run-events.ts";
import type { RunJournal } from "./run-journal.ts";
import type { SnapshotStore } from "./snapshot-store.ts";

/** What a checkpoint is written from. */
export interface CheckpointMeans {
  readonly store: SnapshotStore;
  readonly configuration: Configuration;
  readonly tokenizer: unknown;
  readonly journal: RunJournal;
  readonly log: Log;
}

/**
 * Writes the collected snapshot as a checkpoint and deletes old ones.
 *
 * @returns what the machine is told: a disk that is full ends the save, not the run.
 */
export async function writeCheckpoint(
  { store, configuration, tokenizer, journal, log }: CheckpointMeans,
  { step, facts }: Extract<RunEffect, { readonly type: "save" }>,
): Promise<RunEvent> {
  const state = journal.checkpointState(facts);
  try {
    // The files say all that led to a checkpoint, even after a power cut.
    await store.save(step, { configuration, tokenizer, state }, () => journal.sync());
  } catch (error) {
    if (!(error instanceof TrainerError)) throw error;
    return { type: "save-failed", step, code: error.code, message: error.message };
  }
  try {
    await store.prune();
  } catch (error) {
    if (!(error instanceof TrainerError)) throw error;
    log.warn(`An old checkpoint could not be deleted: ${error.message}`);
  }
  journal.saved(step);
  return { type: "saved", step };
}
