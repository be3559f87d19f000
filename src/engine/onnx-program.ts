import * as ort from "onnxruntime-node";
import { defined } from "../base/assert.ts";
import { TrainerError } from "../base/errors.ts";
import { type Graph, newValue, numElements } from "../compiler/graph.ts";
import { emitOnnx, type OnnxTarget } from "../compiler/onnx/emit-onnx.ts";
import { MAX_THREADS } from "../compiler/onnx/fix-summation-order.ts";
import { nativeFailure, reasonOf } from "./native-failure.ts";

/** How ONNX Runtime is to run a program. */
export interface OnnxProgramOptions {
  readonly device: OnnxTarget;
  /**
   * Threads that share one operator, the calling thread included; more than `MAX_THREADS` are not
   * used, because the order of sums would depend on them.
   */
  readonly numThreads: number;
  /** For the message of a failure: "the gradient of 8 x 128 tokens". */
  readonly computes?: string;
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

/**
 * Compiles a graph whose outputs are all f32.
 *
 * @throws {TrainerError} ERR_ENGINE when ONNX Runtime cannot take the graph, or fails at it later.
 */
export async function compileOnnxProgram(
  graph: Graph,
  { device, numThreads, computes = "a graph" }: OnnxProgramOptions,
): Promise<OnnxProgram> {
  const site = { engine: "onnx", runtime: ONNX_RUNTIME, device, computes };
  const failure = (cause: unknown) => nativeFailure(cause, site);
  const session = await createSession(graph, device, numThreads).catch((cause: unknown) => {
    throw failure(cause);
  });
  return {
    newOutputs: () =>
      Object.fromEntries(graph.outputs.map(({ name, value }) => [name, zeros(value.shape)])),
    async run(inputs, outputs) {
      try {
        await session.run(inputs, outputs);
      } catch (cause) {
        throw failure(cause);
      }
    },
    async [Symbol.asyncDispose]() {
      await session.release();
    },
  };
}

function createSession(
  graph: Graph,
  device: OnnxTarget,
  numThreads: number,
): Promise<ort.InferenceSession> {
  return ort.InferenceSession.create(emitOnnx(graph, device), {
    executionProviders: [device],
    intraOpNumThreads: Math.min(numThreads, MAX_THREADS),
    interOpNumThreads: 1,
    executionMode: "sequential",
    // A plan of all intermediate results as one block: as fast, and 300 to 400 MiB more (decision 24).
    enableMemPattern: device !== "cpu",
    // The graph is optimized already, and ONNX Runtime would undo what keeps the order of sums.
    graphOptimizationLevel: "disabled",
    // Errors are thrown as well; on a GPU the log would say them a second time.
    logSeverityLevel: device === "cpu" ? 3 : 4,
    extra: {
      session: {
        // A waiting thread that spins takes its core from another worker of the same machine.
        intra_op: { allow_spinning: "0" },
        // What a GPU has no kernel for would run on the CPU, slowly, and nobody would hear of it.
        ...(device === "cpu" ? {} : { disable_cpu_ep_fallback: "1" }),
      },
    },
  });
}

/**
 * Opens this machine's WebGPU device, which stays open until what it gives is disposed of: ONNX Runtime
 * closes it with its last session, and all compiled shaders are lost then.
 *
 * @throws {TrainerError} ERR_ENGINE when there is nothing here that WebGPU can compute on.
 */
export async function openWebGpu(): Promise<AsyncDisposable> {
  const [x, result] = [newValue([1]), newValue([1])];
  const graph: Graph = {
    inputs: [{ name: "x", value: x }],
    constants: [],
    nodes: [{ operation: { type: "unary", function: "abs" }, inputs: [x], outputs: [result] }],
    outputs: [{ name: "result", value: result }],
  };
  try {
    const session = await createSession(graph, "webgpu", 1);
    return { [Symbol.asyncDispose]: () => session.release() };
  } catch (cause) {
    throw new TrainerError(
      "ERR_ENGINE",
      `The engine onnx cannot compute on webgpu here: ${reasonOf(cause)}. WebGPU needs a GPU with its ` +
        "driver; on Linux that is a Vulkan driver and the loader libvulkan.so.1, and `vulkaninfo` " +
        "shows what they offer. Install them, or use --device cpu.",
      { cause },
    );
  }
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
