import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, defined } from "../base/assert.ts";
import type { Graph } from "../compiler/graph.ts";
import { emitTensorflow, type TensorflowOptions } from "../compiler/tensorflow/emit-tensorflow.ts";
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

/** Compiles a graph. TensorFlow reads models from folders alone, so one is written, and removed again. */
export function compileTensorflowProgram(
  binding: TensorflowBinding,
  graph: Graph,
  options: TensorflowOptions,
): TensorflowProgram {
  const { savedModel, feeds, fetches, assignments } = emitTensorflow(graph, options);
  const modelId = load(binding, savedModel);
  return {
    assign(name, tensorId) {
      const { feed, fetch } = defined(assignments[name], `variable ${name}`);
      for (const { id } of binding.runSavedModel(modelId, [tensorId], feed, fetch)) {
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
      return binding
        .runSavedModel(modelId, ids, inputs.join(","), results.join(","))
        .map(({ id }) => id);
    },
    dispose: () => binding.deleteSavedModel(modelId),
  };
}

function load(binding: TensorflowBinding, savedModel: Uint8Array): number {
  const folder = mkdtempSync(join(tmpdir(), "smallinit-graph-"));
  try {
    writeFileSync(join(folder, "saved_model.pb"), savedModel);
    return binding.loadSavedModel(folder, "serve");
  } finally {
    rmSync(folder, { recursive: true });
  }
}
