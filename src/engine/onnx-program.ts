import * as ort from "onnxruntime-node";
import { defined } from "../base/assert.ts";
import { type Graph, numElements } from "../compiler/graph.ts";
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

/** A tensor of ONNX Runtime, on memory of this process. */
export type OnnxTensor = ort.Tensor;

/** Tensors by the names of a program's inputs or outputs. */
export type OnnxTensors = Readonly<Record<string, OnnxTensor>>;

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

/** The library that computes, with its version. */
export const ONNX_RUNTIME = `onnxruntime-node ${ort.env.versions.node ?? ort.env.versions.common}`;

/** A tensor over these numbers, which must not lie on shared memory; no copy is made. */
export function tensorOver(
  numbers: Float32Array | Int32Array,
  shape: readonly number[],
): OnnxTensor {
  return numbers instanceof Float32Array
    ? new ort.Tensor("float32", numbers, shape)
    : new ort.Tensor("int32", numbers, shape);
}

/** A tensor of zeros on memory of its own. */
function zeros(shape: readonly number[]): OnnxTensor {
  return tensorOver(new Float32Array(numElements(shape)), shape);
}

/** The numbers of the tensor `name`, without a copy. */
export function floatsNamed(tensors: OnnxTensors, name: string): Float32Array {
  const data = tensors[name]?.data;
  return defined(data instanceof Float32Array ? data : undefined, `f32 tensor ${name}`);
}
