import { TrainerError } from "../base/errors.ts";
import { withAnyBatch } from "../compiler/any-batch.ts";
import type { Graph } from "../compiler/graph.ts";
import { traceForward } from "../compiler/model-programs.ts";
import { bindInputs } from "../compiler/passes/bind-inputs.ts";
import type { ModelConfiguration } from "../configuration/configuration.ts";
import { parameterLayout } from "../model/parameter-layout.ts";

/** A trained model, whole. */
export interface TrainedModel {
  readonly model: ModelConfiguration;
  /** f32[numParams], in layout order. */
  readonly parameters: Float32Array;
}

/** Protocol buffers, in which ONNX and TensorFlow keep their graphs, end at 2 GiB; the graph itself needs little. */
const MAX_PARAMETER_BYTES = 2 ** 31 - 2 ** 24;

/**
 * The model with its parameters inside: i32[any, T] `inputs` to f32[any, T, V] `logits`.
 *
 * T is `contextLength`: as no position sees a later one, shorter sequences are filled up behind with any
 * token.
 *
 * @param optimize the passes of the format that it is for.
 * @throws {TrainerError} ERR_EXPORT when the parameters are too large for one file.
 */
export function forwardGraph(
  { model, parameters }: TrainedModel,
  optimize: (graph: Graph) => Graph,
): Graph {
  if (parameters.byteLength > MAX_PARAMETER_BYTES) {
    throw new TrainerError(
      "ERR_EXPORT",
      `The model has ${parameters.byteLength} bytes of parameters, and a file of this format holds ` +
        `${MAX_PARAMETER_BYTES} at most. Use --format torch, which has no such limit.`,
    );
  }
  const block = { length: model.contextLength };
  const graph = withAnyBatch((numSequences) =>
    optimize(traceForward(model, { ...block, numSequences })),
  );
  const numbers = new Map(
    parameterLayout(model).tensors.map(({ name, offset, length }) => [
      name,
      parameters.subarray(offset, offset + length),
    ]),
  );
  return bindInputs(graph, numbers);
}
