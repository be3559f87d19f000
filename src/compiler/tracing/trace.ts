import * as tf from "@tensorflow/tfjs-core";
import { defined } from "../../base/assert.ts";
import type { DataType, Graph, NamedValue, Value } from "../graph.ts";
import { newValue } from "../graph.ts";
import { Recorder } from "./recorder.ts";
import { registerRecordingKernels } from "./recording-kernels.ts";

/** Name, shape and type of one argument of a traced program. */
export interface InputDeclaration {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dataType: DataType;
}

const BACKEND = "smallinit-trace";

/**
 * Writes down what a tfjs program does, without computing anything.
 *
 * The program runs once on a backend whose kernels only record themselves, so everything that tfjs
 * does on its own account, the backward pass above all, ends up in the graph. The program must be
 * synchronous and must not read values of tensors that depend on its inputs; tensors that it makes
 * from numbers become constants. Afterwards the backend that was active before is active again.
 *
 * @param program from tensors by input name to tensors by output name; called within `tf.tidy`.
 */
export function trace(
  inputs: readonly InputDeclaration[],
  program: (inputs: Readonly<Record<string, tf.Tensor>>) => Readonly<Record<string, tf.Tensor>>,
): Graph {
  const recorder = registeredRecorder();
  const previous = tf.getBackend();
  // Made without waiting, so the promise has nothing to tell.
  void tf.engine().setBackend(BACKEND);
  recorder.begin();
  tf.engine().startScope("trace");
  try {
    const declared: NamedValue[] = [];
    const tensors: Record<string, tf.Tensor> = {};
    for (const { name, shape, dataType } of inputs) {
      const value = newValue(shape, dataType);
      declared.push({ name, value });
      tensors[name] = tensorOf(recorder, value);
    }
    const results = Object.entries(program(tensors));
    const outputs = results.map(([name, tensor]) => ({
      name,
      value: recorder.tracedValue(tensor),
    }));
    return { inputs: declared, ...recorder.recorded(), outputs };
  } finally {
    tf.engine().endScope();
    recorder.end();
    if (previous in tf.engine().registryFactory) void tf.engine().setBackend(previous);
  }
}

/** tfjs has one registry of backends per process, so there is one recorder too; it is used by one trace at a time. */
function registeredRecorder(): Recorder {
  if (tf.findBackend(BACKEND) === null) {
    registerRecordingKernels(BACKEND);
    tf.registerBackend(BACKEND, () => new Recorder(), 0);
  }
  const backend: unknown = tf.findBackend(BACKEND);
  return defined(backend instanceof Recorder ? backend : undefined, "the recording backend");
}

function tensorOf(recorder: Recorder, value: Value): tf.Tensor {
  const dataId = recorder.dataIdOf(value);
  return tf.engine().makeTensorFromDataId(dataId, [...value.shape], value.dataType, recorder);
}
