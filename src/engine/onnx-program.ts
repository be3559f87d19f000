import * as ort from "onnxruntime-node";
import { defined } from "../base/assert.ts";
import type { Graph } from "../compiler/graph.ts";
import { emitOnnx } from "../compiler/onnx/emit-onnx.ts";
import { MAX_THREADS } from "../compiler/onnx/fix-summation-order.ts";

/** How ONNX Runtime is to run a program. */
export interface OnnxProgramOptions {
  /**
   * Threads that share one operator, the calling thread included; more than `MAX_THREADS` are not
   * used, because the order of sums would depend on them.
   */
  readonly numThreads: number;
}

/** Tensors by the names of a program's inputs or outputs. */
export type OnnxTensors = Readonly<Record<string, ort.Tensor>>;

/** A compiled graph. */
export interface OnnxProgram extends AsyncDisposable {
  /** New tensors for all outputs, all zero. */
  newOutputs(): OnnxTensors;
  /** Overwrites `outputs`. Blocks the calling thread. */
  run(inputs: OnnxTensors, outputs: OnnxTensors): Promise<void>;
}

/** Compiles a graph whose outputs are all f32. */
export async function compileOnnxProgram(
  graph: Graph,
  { numThreads }: OnnxProgramOptions,
): Promise<OnnxProgram> {
  const session = await ort.InferenceSession.create(emitOnnx(graph), {
    executionProviders: ["cpu"],
    intraOpNumThreads: Math.min(numThreads, MAX_THREADS),
    interOpNumThreads: 1,
    executionMode: "sequential",
    // The graph is optimized already, and ONNX Runtime would undo what keeps the order of sums.
    graphOptimizationLevel: "disabled",
    logSeverityLevel: 3,
    // A waiting thread that spins takes its core from another worker of the same machine.
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  });
  return {
    newOutputs: () =>
      Object.fromEntries(graph.outputs.map(({ name, value }) => [name, zeros(value.shape)])),
    async run(inputs, outputs) {
      await session.run(inputs, outputs);
    },
    async [Symbol.asyncDispose]() {
      await session.release();
    },
  };
}

/** A tensor of zeros on memory of its own. */
export function zeros(shape: readonly number[]): ort.Tensor {
  const length = shape.reduce((product, size) => product * size, 1);
  return new ort.Tensor("float32", new Float32Array(length), shape);
}

/** The numbers of the tensor `name`, without a copy. */
export function floatsNamed(tensors: OnnxTensors, name: string): Float32Array {
  const data = tensors[name]?.data;
  return defined(data instanceof Float32Array ? data : undefined, `f32 tensor ${name}`);
}
