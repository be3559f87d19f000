import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, defined } from "../base/assert.ts";
import { asWriteError } from "../base/write-error.ts";
import { emitTensorflow } from "../compiler/tensorflow/emit-tensorflow.ts";
import type { ProgramForTensorflow } from "../compiler/tensorflow/program-for-tensorflow.ts";
import { type NativeSite, nativeFailure } from "./native-failure.ts";
import type { TensorflowBinding } from "./tensorflow-binding.ts";

/** Ids of tensors by the names of a program's inputs. */
export type Tensors = Readonly<Record<string, number>>;

/** A compiled graph in a session of its own. Tensors are ids of the binding. */
export interface TensorflowProgram {
  /** Puts a tensor into the variable `name`. */
  assign(name: string, tensorId: number): void;
  /**
   * Runs the graph; blocks the calling thread.
   *
   * @param feeds by input name; variables are not among them.
   * @param outputs names of what to compute.
   * @returns one tensor for each output; the caller deletes them.
   */
  run(feeds: Tensors, outputs: readonly string[]): readonly number[];
  dispose(): void;
}

/**
 * Compiles a graph. TensorFlow reads models from folders alone, so one is written, and removed again.
 *
 * @param site for the message of a failure.
 * @throws {TrainerError} ERR_ENGINE when TensorFlow cannot take the graph, or fails at it later; ERR_WRITE
 *   when the folder for temporary files takes no file.
 */
export function compileTensorflowProgram(
  binding: TensorflowBinding,
  { graph, options }: ProgramForTensorflow,
  site: NativeSite,
): TensorflowProgram {
  const { savedModel, feeds, fetches, assignments } = emitTensorflow(graph, options);
  const modelId = load(binding, savedModel, site);
  const runModel: TensorflowBinding["runSavedModel"] = (...call) =>
    orFailure(site, () => binding.runSavedModel(...call));
  return {
    assign(name, tensorId) {
      const { feed, fetch } = defined(assignments[name], `variable ${name}`);
      for (const { id } of runModel(modelId, [tensorId], feed, fetch)) {
        binding.deleteTensor(id);
      }
    },
    run(given, outputs) {
      const names = Object.keys(given);
      const inputs = names.map((name) => defined(feeds[name], `input ${name}`));
      assert(
        names.length === Object.keys(feeds).length,
        `inputs ${names} of ${Object.keys(feeds)}`,
      );
      const results = outputs.map((name) => defined(fetches[name], `output ${name}`));
      const ids = Object.values(given);
      return runModel(modelId, ids, inputs.join(","), results.join(",")).map(({ id }) => id);
    },
    dispose: () => binding.deleteSavedModel(modelId),
  };
}

function load(binding: TensorflowBinding, savedModel: Uint8Array, site: NativeSite): number {
  const folder = temporaryFolderWith(savedModel);
  try {
    return orFailure(site, () => binding.loadSavedModel(folder, "serve"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function temporaryFolderWith(savedModel: Uint8Array): string {
  const start = join(tmpdir(), "smallinit-graph-");
  try {
    const folder = mkdtempSync(start);
    writeFileSync(join(folder, "saved_model.pb"), savedModel);
    return folder;
  } catch (error) {
    throw asWriteError(start, error);
  }
}

function orFailure<T>(site: NativeSite, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw nativeFailure(cause, site);
  }
}
