import { assert, defined } from "../base/assert.ts";
import type { Environment } from "../base/environment.ts";
import { noProfiler, type Profiler } from "../base/profiler.ts";
import { type BlockShape, INPUTS, LOGITS, LOSS, TARGETS } from "../compiler/model-programs.ts";
import {
  GRADIENT,
  PARAMETERS,
  type ProgramKind,
  type ProgramTarget,
  programForTensorflow,
} from "../compiler/tensorflow/program-for-tensorflow.ts";
import { createMemory } from "../kernels/create-memory.ts";
import { parameterLayout } from "../model/parameter-layout.ts";
import { checkPrecision } from "./check-precision.ts";
import type { Decoder, Engine, EngineDescription, TokenBlock } from "./engine.ts";
import { GradientDestinations } from "./gradient-destinations.ts";
import { isSeenInPlace } from "./is-seen-in-place.ts";
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
export interface TensorflowEngineOptions extends ProgramTarget {
  readonly numThreads: number;
  /** The process's own environment: see `loadTensorflow`. */
  readonly environment: Environment;
  readonly profiler?: Profiler;
}

/**
 * The model's step as one TensorFlow graph per kind and shape of block, run by one session call
 * through the addon of `@tensorflow/tfjs-node-gpu`.
 *
 * A graph is traced and compiled when its shape first occurs, and kept. `parameters` says how numbers go
 * in and out: fed and written in place, the way for a CPU, which copies nothing; or in a variable for each
 * graph and back as one vector, the way for a GPU.
 *
 * Both ways stand in this one file: they share all but that.
 *
 * @throws {TrainerError} ERR_ENGINE when TensorFlow is not set up, does not see the device, or is too old
 *   for this precision on it.
 */
export async function createTensorflowEngine(options: TensorflowEngineOptions): Promise<Engine> {
  return new TensorflowEngine(options);
}

interface PutParameters {
  /** A tensor over them; none where they go to variables. */
  readonly id: number | undefined;
  readonly view: Float32Array;
  readonly version: number;
}

interface Compiled {
  readonly program: TensorflowProgram;
  /** Which parameters its variable holds, if it has one. */
  version: number;
}

class TensorflowEngine implements Engine {
  readonly description: EngineDescription;
  readonly #target: ProgramTarget;
  readonly #profiler: Profiler;
  readonly #binding: TensorflowBinding;
  readonly #numParams: number;
  /** A copy of parameters that TensorFlow cannot look at where they are; made when it is needed. */
  #copy: Float32Array | undefined;
  readonly #destinations: GradientDestinations;
  readonly #compiled = new Map<string, Compiled>();
  /** The parameters where they are looked at, and how many were put before them. */
  #parameters: PutParameters | undefined;

  constructor(options: TensorflowEngineOptions) {
    const { model, precision, parameters, profiler = noProfiler, ...settings } = options;
    this.#profiler = profiler;
    const { binding, device, numThreads } = loadTensorflow(settings);
    checkPrecision({ device, precision, version: binding.TF_Version });
    const runtime = `TensorFlow ${binding.TF_Version}${precision === "bf16" ? " bf16" : ""}`;
    this.description = { engine: "tensorflow", device, runtime, numThreads };
    this.#target = { model, device, precision, parameters };
    this.#binding = binding;
    const { tensors, numParams } = parameterLayout(model);
    this.#numParams = numParams;
    this.#destinations = new GradientDestinations(binding, tensors);
  }

  putParameters(parameters: Float32Array): void {
    const { length } = parameters;
    assert(length === this.#numParams, `${length} of ${this.#numParams} parameters`);
    const before = this.#parameters;
    const version = (before?.version ?? 0) + 1;
    if (before !== undefined && isSameMemory(before.view, parameters)) {
      this.#parameters = { ...before, version };
      return;
    }
    if (before?.id !== undefined) this.#binding.deleteTensor(before.id);
    const view = this.#canLookAt(parameters) ? parameters : this.#copyOf(parameters);
    // Variables are filled when a program next runs.
    const id = this.#keepsVariables ? undefined : this.#tensorOver(view);
    this.#parameters = { id, view, version };
  }

  async prepare(shape: BlockShape): Promise<void> {
    this.#compiledBlock("gradient", shape);
  }

  async gradient(block: TokenBlock, gradient: Float32Array): Promise<number> {
    const { length } = gradient;
    assert(length === this.#numParams, `a gradient of ${length} for ${this.#numParams}`);
    return this.#keepsVariables
      ? this.#gradientByTransfer(block, gradient)
      : this.#gradientInPlace(block, gradient);
  }

  /** The graph writes each gradient where it belongs. */
  #gradientInPlace(block: TokenBlock, gradient: Float32Array): number {
    const profiler = this.#profiler;
    const destination = this.#destinations.of(gradient);
    let startMs = profiler.now();
    const [lossId = -1] = this.#runBlock("gradient", block, [LOSS], destination.feeds);
    profiler.end("native call", startMs);
    startMs = profiler.now();
    destination.deliver();
    profiler.end("copies out", startMs);
    return this.#take(lossId)[0] ?? Number.NaN;
  }

  /** The gradient comes as one vector. */
  #gradientByTransfer(block: TokenBlock, gradient: Float32Array): number {
    const profiler = this.#profiler;
    let startMs = profiler.now();
    const [lossId = -1, id = -1] = this.#runBlock("gradient", block, [LOSS, GRADIENT]);
    profiler.end("native call", startMs);
    startMs = profiler.now();
    gradient.set(this.#take(id));
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
      model: this.#target.model,
      binding: this.#binding,
      run: (feeds, outputs) =>
        this.#run(this.#compiledOnce("the next token", { type: "decode" }), feeds, outputs),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { program } of this.#compiled.values()) program.dispose();
    this.#compiled.clear();
    this.#destinations.dispose();
    if (this.#parameters?.id !== undefined) this.#binding.deleteTensor(this.#parameters.id);
    this.#parameters = undefined;
  }

  #runBlock(
    kind: BlockKind,
    block: TokenBlock,
    outputs: readonly string[],
    destinations: Tensors = {},
  ): readonly number[] {
    const { numSequences, length } = block;
    const columns = tokenColumns(this.#target.model, block);
    const tokens = (ids: Int32Array) =>
      this.#binding.createTensor([numSequences, length], this.#binding.TF_INT32, ids);
    const inputs = { [INPUTS]: tokens(columns.inputs) };
    const feeds = kind === "logits" ? inputs : { ...inputs, [TARGETS]: tokens(columns.targets) };
    const compiled = this.#compiledBlock(kind, block);
    const results = this.#run(compiled, { ...feeds, ...destinations }, outputs);
    for (const id of Object.values(feeds)) this.#binding.deleteTensor(id);
    return results;
  }

  #compiledBlock(type: BlockKind, { numSequences, length }: BlockShape): Compiled {
    const block = { numSequences, length };
    return this.#compiledOnce(`the ${type} of ${numSequences} x ${length} tokens`, { type, block });
  }

  /** @param computes what the program is for, which names it. */
  #compiledOnce(computes: string, kind: ProgramKind): Compiled {
    const known = this.#compiled.get(computes);
    if (known !== undefined) return known;
    const site = { ...this.description, computes };
    const made = programForTensorflow(kind, this.#target);
    const compiled = { program: compileTensorflowProgram(this.#binding, made, site), version: 0 };
    this.#compiled.set(computes, compiled);
    return compiled;
  }

  /** Runs a program with the current parameters. */
  #run(compiled: Compiled, feeds: Tensors, outputs: readonly string[]): readonly number[] {
    // Zeros at first: whoever warms an engine up need not have parameters yet.
    if (this.#parameters === undefined) this.putParameters(new Float32Array(this.#numParams));
    const { id, view, version } = defined(this.#parameters, "parameters");
    const { program } = compiled;
    if (id !== undefined) return program.run({ ...feeds, [PARAMETERS]: id }, outputs);
    if (compiled.version !== version) {
      const given = this.#tensorOver(view);
      program.assign(PARAMETERS, given);
      this.#binding.deleteTensor(given);
      compiled.version = version;
    }
    return program.run(feeds, outputs);
  }

  get #keepsVariables(): boolean {
    return this.#target.parameters === "variable";
  }

  /** Whether the numbers can be taken from where they are: what is shared stays as it is until put again. */
  #canLookAt(parameters: Float32Array): boolean {
    return this.#keepsVariables
      ? parameters.buffer instanceof SharedArrayBuffer
      : isSeenInPlace(this.#binding, parameters);
  }

  #copyOf(parameters: Float32Array): Float32Array {
    const { length } = parameters;
    this.#copy ??= new Float32Array(createMemory(length * 4).buffer, 0, length);
    this.#copy.set(parameters);
    return this.#copy;
  }

  #tensorOver(numbers: Float32Array): number {
    return this.#binding.createTensor([numbers.length], this.#binding.TF_FLOAT, numbers);
  }

  /** The numbers of a result, which is deleted. */
  #take(id: number): Float32Array {
    const numbers = this.#binding.tensorDataSync(id);
    this.#binding.deleteTensor(id);
    assert(numbers instanceof Float32Array, "results are f32");
    return numbers;
  }
}

function isSameMemory(a: Float32Array, b: Float32Array): boolean {
  return a.buffer === b.buffer && a.byteOffset === b.byteOffset;
}

type BlockKind = "gradient" | "loss" | "logits";
