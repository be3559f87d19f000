import { TrainerError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { listCheckpoints } from "../checkpoint/checkpoint-folders.ts";
import {
  type CheckpointHead,
  loadCheckpoint,
  readCheckpointHead,
} from "../checkpoint/load-checkpoint.ts";
import { type Configuration, modelOf } from "../configuration/configuration.ts";
import { FRESH_START, type RunStart } from "./run-state.ts";

/** Where a run begins, and the time that it has taken so far. */
export interface FoundStart {
  readonly start: RunStart;
  readonly wallMs: number;
  /** Newer checkpoints that were passed over, the newest first. */
  readonly damaged: readonly DamagedCheckpoint[];
}

/** A checkpoint that cannot be used. */
export interface DamagedCheckpoint {
  readonly step: number;
  readonly code: string;
  readonly message: string;
}

/** A run that was never interrupted. */
export const FROM_SEED: FoundStart = { start: FRESH_START, wallMs: 0, damaged: [] };

/** How a start is looked for. */
export interface FindStartOptions {
  readonly configuration: Configuration;
  readonly log: Log;
  /** Only checkpoints of fewer steps than this; default: all. */
  readonly below?: number;
  /**
   * Where the checkpoint is hardly ever needed, takes its tensors for whole, which takes no time: they are
   * compared with their SHA-256 when they are read, as those of a run under way. Default false.
   */
  readonly isTrusting?: boolean;
}

/**
 * The newest checkpoint of a run that is whole; the seed when there is none.
 *
 * @throws {TrainerError} ERR_CONFIG_VALUE when it is of another model; ERR_CHECKPOINT_MISSING when the
 *   folder cannot be read; ERR_CHECKPOINT_DAMAGED when there are checkpoints and none is whole.
 */
export async function findStart(
  runFolder: string,
  { configuration, log, below = Number.POSITIVE_INFINITY, isTrusting = false }: FindStartOptions,
): Promise<FoundStart> {
  const damaged: DamagedCheckpoint[] = [];
  let damage: TrainerError | undefined;
  const checkpoints = (await listCheckpoints(runFolder)).filter(({ step }) => step < below);
  for (const { step, folder } of [...checkpoints].reverse()) {
    try {
      const checkpoint = isTrusting
        ? await readCheckpointHead(folder)
        : await loadCheckpoint(folder, { withOptimizer: true });
      checkModel(checkpoint, configuration);
      return { ...startFrom(checkpoint), damaged };
    } catch (error) {
      if (!isDamage(error)) throw error;
      log.warn(`${error.message} Trying the checkpoint before step ${step}.`);
      damaged.push({ step, code: error.code, message: error.message });
      damage ??= error;
    }
  }
  if (damage !== undefined) throw damage;
  return FROM_SEED;
}

/** Whether an error says that a checkpoint is not whole. */
export function isDamage(error: unknown): error is TrainerError {
  return error instanceof TrainerError && DAMAGES.has(error.code);
}

const DAMAGES: ReadonlySet<string> = new Set([
  "ERR_CHECKPOINT_DAMAGED",
  "ERR_CHECKPOINT_MISSING",
  "ERR_SAFETENSORS",
]);

function checkModel({ folder, configuration }: CheckpointHead, wanted: Configuration): void {
  if (JSON.stringify(modelOf(configuration)) === JSON.stringify(modelOf(wanted))) return;
  throw new TrainerError(
    "ERR_CONFIG_VALUE",
    `${folder} holds another model than the configuration names: a run cannot change its model. ` +
      "Start a new run for the new model.",
  );
}

function startFrom({ step, state }: CheckpointHead): Omit<FoundStart, "damaged"> {
  const { parameterDigest, trainLoss, lastValidationLoss, evaluatedStep, wallMs } = state;
  return {
    start: {
      step,
      digest: typeof parameterDigest === "string" ? parameterDigest : undefined,
      trainLoss: asNumber(trainLoss),
      validationLoss: asNumber(lastValidationLoss),
      evaluatedStep: asNumber(evaluatedStep) ?? -1,
    },
    wallMs: asNumber(wallMs) ?? 0,
  };
}

function asNumber(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
