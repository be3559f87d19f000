import { assert } from "../base/assert.ts";
import type { Environment } from "../base/environment.ts";
import { noProfiler, type Profiler } from "../base/profiler.ts";
import type { TensorPlace } from "../base/tensor-place.ts";
import type { Graph } from "../compiler/graph.ts";
import {
  type BlockShape,
  gradientName,
  INPUTS,
  LOGITS,
  LOSS,
  TARGETS,
  traceDecode,
  traceGradient,
  traceLogits,
  traceLoss,
} from "../compiler/model-programs.ts";
import { flattenParameters, joinOutputs } from "../compiler/passes/flat-parameters.ts";
import type { MatrixPrecision } from "../compiler/tensorflow/lower-node.ts";
import { optimizeForTensorflow } from "../compiler/tensorflow/optimize-for-tensorflow.ts";
import type { ModelConfiguration } from "../configuration/configuration.ts";
import { createMemory } from "../kernels/create-memory.ts";
import { parameterLayout } from "../model/parameter-layout.ts";
import type { Decoder, Engine, EngineDescription, TokenBlock } from "./engine.ts";
import { type GradientPiece, gradientPieces } from "./gradient-pieces.ts";
import { loadTensorflow } from "./load-tensorflow.ts";
import type { TensorflowBinding } from "./tensorflow-binding.ts";
import { TensorflowDecoder } from "./tensorflow-decoder.ts";
import {
  compileTensorflowProgram,
  type TensorflowProgram,
  type Tensors,
} from "./tensorflow-program.ts";
import { tokenColumns } from "./token-columns.ts";

/** What a TensorFlow engine computes, and how. */
export interface TensorflowEngineOptions {
  readonly model: ModelConfiguration;
  /** "cpu" or "gpu:N". */
  readonly device: string;
  readonly precision: MatrixPrecision;
  readonly numThreads: number;
  /** The process's own environment: see `loadTensorflow`. */
  readonly environment: Environment;
  readonly profiler?: Profiler;
}

/**
 * The model's step as one TensorFlow graph per kind and shape of block, run by one session call
 * through the addon of `@tensorflow/tfjs-node-gpu`.
 *
 * A graph is traced and compiled when its shape first occurs, and kept. On a GPU each keeps the
 * parameters in a variable in the GPU's memory; on a CPU they are fed, which copies nothing.
 *
 * @throws {TrainerError} ERR_ENGINE when TensorFlow is not set up or does not see the device.
 */
export async function createTensorflowEngine(options: TensorflowEngineOptions): Promise<Engine> {
  return new TensorflowEngine(options);
}

/** The programs' name of the vector of all parameters. */
const PARAMETERS = "parameters";

/**
 * Floats of gradients fetched as one tensor. A GPU makes one transfer of all; on a CPU a tensor of
 * many megabytes costs more in fresh memory than the calls that pieces take.
 */
const PIECE_FLOATS = { cpu: 2 ** 20, gpu: Number.POSITIVE_INFINITY } as const;

interface Compiled {
  readonly program: TensorflowProgram;
  /** Which parameters its variable holds, if it has one. */
  version: number;
}

class TensorflowEngine implements Engine {
  readonly description: EngineDescription;
  readonly #model: ModelConfiguration;
  readonly #precision: MatrixPrecision;
  readonly #profiler: Profiler;
  readonly #binding: TensorflowBinding;
  readonly #places: readonly TensorPlace[];
  /** A copy of the parameters, aligned as TensorFlow wants it: so it computes from here. */
  readonly #vector: Float32Array;
  readonly #pieces: readonly GradientPiece[];
  readonly #compiled = new Map<string, Compiled>();
  /** The tensor of `#vector`, and how many were put before it. */
  #parameters: { readonly id: number; readonly version: number };

  constructor({ model, precision, profiler = noProfiler, ...settings }: TensorflowEngineOptions) {
    this.#profiler = profiler;
    const { binding, device, numThreads } = loadTensorflow(settings);
    const runtime = `TensorFlow ${binding.TF_Version}${precision === "bf16" ? " bf16" : ""}`;
    this.description = { engine: "tensorflow", device, runtime, numThreads };
    this.#model = model;
    this.#precision = precision;
    this.#binding = binding;
    const { tensors, numParams } = parameterLayout(model);
    this.#places = tensors;
    this.#vector = new Float32Array(createMemory(numParams * 4).buffer, 0, numParams);
    // Zeros at first: whoever warms an engine up need not have parameters yet.
    this.#parameters = { id: this.#vectorTensor(), version: 1 };
    this.#pieces = gradientPieces(tensors, PIECE_FLOATS[device === "cpu" ? "cpu" : "gpu"]);
  }

  putParameters(parameters: Float32Array): void {
    const { length } = parameters;
    assert(length === this.#vector.length, `${length} of ${this.#vector.length} parameters`);
    this.#binding.deleteTensor(this.#parameters.id);
    this.#vector.set(parameters);
    this.#parameters = { id: this.#vectorTensor(), version: this.#parameters.version + 1 };
  }

  async gradient(block: TokenBlock, gradient: Float32Array): Promise<number> {
    const { length } = gradient;
    assert(length === this.#vector.length, `a gradient of ${length} for ${this.#vector.length}`);
    const names = this.#pieces.map(({ name }) => name);
    const profiler = this.#profiler;
    let startMs = profiler.now();
    const [lossId = -1, ...ids] = this.#runBlock("gradient", block, [LOSS, ...names]);
    profiler.end("native call", startMs);
    startMs = profiler.now();
    for (const [i, { offset }] of this.#pieces.entries()) {
      gradient.set(this.#take(ids[i] ?? -1), offset);
    }
    profiler.end("copies out", startMs);
    return this.#take(lossId)[0] ?? Number.NaN;
  }

  async loss(block: TokenBlock): Promise<number> {
    const [id = -1] = this.#runBlock("loss", block, [LOSS]);
    return this.#take(id)[0] ?? Number.NaN;
  }

  async logits(block: TokenBlock): Promise<Float32Array> {
    const [id = -1] = this.#runBlock("logits", block, [LOGITS]);
    return this.#take(id);
  }

  async decoder(): Promise<Decoder> {
    return new TensorflowDecoder({
      model: this.#model,
      binding: this.#binding,
      run: (feeds, outputs) => this.#run("decode", () => traceDecode(this.#model), feeds, outputs),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { program } of this.#compiled.values()) program.dispose();
    this.#compiled.clear();
    this.#binding.deleteTensor(this.#parameters.id);
  }

  #runBlock(
    kind: keyof typeof TRACES,
    block: TokenBlock,
    outputs: readonly string[],
  ): readonly number[] {
    const { numSequences, length } = block;
    const columns = tokenColumns(this.#model, block);
    const tokens = (ids: Int32Array) =>
      this.#binding.createTensor([numSequences, length], this.#binding.TF_INT32, ids);
    const inputs = { [INPUTS]: tokens(columns.inputs) };
    const feeds = kind === "logits" ? inputs : { ...inputs, [TARGETS]: tokens(columns.targets) };
    const traceProgram = () => {
      const traced = TRACES[kind](this.#model, { numSequences, length });
      return kind === "gradient" ? withPieces(traced, this.#pieces) : traced;
    };
    const key = `${kind} ${numSequences} x ${length}`;
    const results = this.#run(key, traceProgram, feeds, outputs);
    for (const id of Object.values(feeds)) this.#binding.deleteTensor(id);
    return results;
  }

  /** Runs the program called `key` with the current parameters. */
  #run(
    key: string,
    traceProgram: () => Graph,
    feeds: Tensors,
    outputs: readonly string[],
  ): readonly number[] {
    const parameters = this.#parameters;
    const compiled = this.#compiled.get(key) ?? this.#compile(traceProgram());
    this.#compiled.set(key, compiled);
    const { program } = compiled;
    if (!this.#keepsVariables) {
      return program.run({ ...feeds, [PARAMETERS]: parameters.id }, outputs);
    }
    if (compiled.version !== parameters.version) program.assign(PARAMETERS, parameters.id);
    compiled.version = parameters.version;
    return program.run(feeds, outputs);
  }

  #compile(traced: Graph): Compiled {
    const graph = optimizeForTensorflow(flattenParameters(traced, this.#places, PARAMETERS));
    const variables = this.#keepsVariables ? [PARAMETERS] : [];
    const options = { precision: this.#precision, variables };
    return { program: compileTensorflowProgram(this.#binding, graph, options), version: 0 };
  }

  get #keepsVariables(): boolean {
    return this.description.device !== "cpu";
  }

  #vectorTensor(): number {
    const { length } = this.#vector;
    return this.#binding.createTensor([length], this.#binding.TF_FLOAT, this.#vector);
  }

  /** The numbers of a result, which is deleted. */
  #take(id: number): Float32Array {
    const numbers = this.#binding.tensorDataSync(id);
    this.#binding.deleteTensor(id);
    assert(numbers instanceof Float32Array, "results are f32");
    return numbers;
  }
}

const TRACES: Readonly<
  Record<"gradient" | "loss" | "logits", (model: ModelConfiguration, block: BlockShape) => Graph>
> = { gradient: traceGradient, loss: traceLoss, logits: traceLogits };

function withPieces(traced: Graph, pieces: readonly GradientPiece[]): Graph {
  return pieces.reduce(
    (graph, { name, places }) =>
      joinOutputs(
        graph,
        places.map((place) => gradientName(place.name)),
        name,
      ),
    traced,
  );
}
