import { existsSync } from "node:fs";
import { join } from "node:path";
import { TrainerError } from "../base/errors.ts";
import { latestCheckpoint } from "../checkpoint/checkpoint-folders.ts";
import { type Checkpoint, loadCheckpoint } from "../checkpoint/load-checkpoint.ts";
import { type FleetConfiguration, modelOf } from "../configuration/configuration.ts";
import type { Engine } from "../engine/engine.ts";
import { engineThreads } from "./engine-options.ts";

/** A trained model, ready to compute. */
export interface OpenModel {
  readonly checkpoint: Checkpoint;
  /** Whoever opens the model disposes of it. */
  readonly engine: Engine;
}

/** How `evaluate` and `generate` compute. */
export interface EngineChoice {
  readonly engine: FleetConfiguration["engine"];
  readonly device: string;
  readonly threads?: number;
}

/**
 * Opens a checkpoint, or the newest one of a run folder, in an engine.
 *
 * @throws {TrainerError} ERR_CHECKPOINT_MISSING, ERR_CHECKPOINT_DAMAGED, and those of engines.
 */
export async function openModel(path: string, choice: EngineChoice): Promise<OpenModel> {
  const checkpoint = await loadModel(path);
  const model = modelOf(checkpoint.configuration);
  // Loaded here: tfjs takes half a second that commands without a model should not pay.
  const { createEngine } = await import("../engine/create-engine.ts");
  const engine = await createEngine({
    engine: choice.engine,
    device: choice.device,
    model,
    numThreads: await engineThreads(choice.threads),
    precision: checkpoint.configuration.precision,
    environment: process.env,
  });
  engine.putParameters(checkpoint.parameters);
  return { checkpoint, engine };
}

/**
 * Reads a checkpoint, or the newest one of a run folder, and checks that its parameters make its model.
 *
 * @throws {TrainerError} ERR_CHECKPOINT_MISSING, ERR_CHECKPOINT_DAMAGED.
 */
export async function loadModel(path: string): Promise<Checkpoint> {
  const checkpoint = await loadCheckpoint(await checkpointAt(path), { withOptimizer: false });
  const { parameterLayout } = await import("../model/parameter-layout.ts");
  const model = modelOf(checkpoint.configuration);
  const { numParams } = parameterLayout(model);
  if (numParams !== checkpoint.parameters.length) {
    throw new TrainerError(
      "ERR_CHECKPOINT_DAMAGED",
      `${path} holds ${checkpoint.parameters.length} parameters, but its configuration makes a model of ` +
        `${numParams}. The folder mixes two runs; use another checkpoint.`,
    );
  }
  return checkpoint;
}

/** A checkpoint's folder: `path` itself, or the newest one of the run at `path`. */
async function checkpointAt(path: string): Promise<string> {
  if (!existsSync(join(path, "checkpoints"))) return path;
  const latest = await latestCheckpoint(path);
  if (latest !== undefined) return latest.folder;
  throw new TrainerError(
    "ERR_CHECKPOINT_MISSING",
    `The run ${path} has no checkpoint yet. Let it reach one, or stop it with Ctrl-C, which writes one.`,
  );
}
