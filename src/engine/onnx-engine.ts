import { assert, defined } from "../base/assert.ts";
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
import type { OnnxTarget } from "../compiler/onnx/emit-onnx.ts";
import { MAX_THREADS } from "../compiler/onnx/fix-summation-order.ts";
import { optimize } from "../compiler/optimize.ts";
import type { RowSum } from "../compiler/passes/split-row-sums.ts";
import type { ModelConfiguration } from "../configuration/configuration.ts";
import { parameterLayout } from "../model/parameter-layout.ts";
import type { Decoder, Engine, EngineDescription, TokenBlock } from "./engine.ts";
import { OnnxDecoder } from "./onnx-decoder.ts";
import {
  compileOnnxProgram,
  floatsNamed,
  ONNX_RUNTIME,
  type OnnxProgram,
  type OnnxProgramOptions,
  type OnnxTensors,
  openWebGpu,
  tensorOver,
} from "./onnx-program.ts";
import { type TokenColumns, tokenColumns } from "./token-columns.ts";

/** What an ONNX engine computes, where, and with how many threads. */
export interface OnnxEngineOptions {
  readonly model: ModelConfiguration;
  readonly device: OnnxTarget;
  /** Of the CPU. */
  readonly numThreads: number;
  readonly profiler?: Profiler;
}

/**
 * The model's step as one ONNX graph per kind and shape of block, run by ONNX Runtime.
 *
 * A graph is traced and compiled when its shape first occurs, and kept. On the CPU at most `MAX_THREADS`
 * threads are used: up to there their number does not change a bit of the results. On a GPU all of it
 * runs there, or nothing: parameters and tokens go up and gradients come down with each block.
 *
 * @throws {TrainerError} ERR_ENGINE when the device is not there; so do the engine's calls when it
 *   cannot take a graph or fails at it.
 */
export async function createOnnxEngine(options: OnnxEngineOptions): Promise<Engine> {
  const device = options.device === "webgpu" ? await openWebGpu() : undefined;
  return new OnnxEngine(options, device);
}

/** Traces a program for blocks of one shape. */
type TraceBlock = (model: ModelConfiguration, block: BlockShape) => Graph;

/** A program ready to run, with the places of its results. */
interface Compiled {
  readonly program: OnnxProgram;
  readonly outputs: OnnxTensors;
  readonly rowSums: readonly RowSum[];
}

class OnnxEngine implements Engine {
  readonly description: EngineDescription;
  readonly #model: ModelConfiguration;
  readonly #device: OnnxTarget;
  readonly #opened: AsyncDisposable | undefined;
  readonly #numThreads: number;
  readonly #profiler: Profiler;
  readonly #places: readonly TensorPlace[];
  readonly #parameters: Float32Array;
  readonly #parameterTensors: OnnxTensors;
  readonly #compiled = new Map<string, Promise<Compiled>>();

  /** @param opened the device, for the engine to dispose of; the CPU needs no opening. */
  constructor(options: OnnxEngineOptions, opened?: AsyncDisposable) {
    const { model, device, numThreads, profiler = noProfiler } = options;
    this.#opened = opened;
    this.#profiler = profiler;
    const { tensors, numParams } = parameterLayout(model);
    // Beside a GPU there is nothing for a second thread to do.
    this.#numThreads = device === "cpu" ? Math.min(numThreads, MAX_THREADS) : 1;
    this.#device = device;
    this.description = {
      engine: "onnx",
      device,
      runtime: ONNX_RUNTIME,
      numThreads: this.#numThreads,
    };
    this.#model = model;
    this.#places = tensors;
    // ONNX Runtime refuses memory that threads share, so the parameters are copied here.
    this.#parameters = new Float32Array(numParams);
    this.#parameterTensors = Object.fromEntries(
      tensors.map(({ name, shape, offset, length }) => {
        const floats = this.#parameters.subarray(offset, offset + length);
        return [name, tensorOver(floats, shape)];
      }),
    );
  }

  putParameters(parameters: Float32Array): void {
    const { length } = this.#parameters;
    assert(parameters.length === length, `${parameters.length} of ${length} parameters`);
    this.#parameters.set(parameters);
  }

  async prepare(shape: BlockShape): Promise<void> {
    await this.#compileBlock("gradient", traceGradient, shape);
  }

  async gradient(block: TokenBlock, gradient: Float32Array): Promise<number> {
    const { length } = this.#parameters;
    assert(gradient.length === length, `a gradient of ${gradient.length} for ${length}`);
    const profiler = this.#profiler;
    let startMs = profiler.now();
    const columns = tokenColumns(this.#model, block);
    profiler.end("tokens in", startMs);
    startMs = profiler.now();
    const { outputs, rowSums } = await this.#run("gradient", traceGradient, block, columns);
    profiler.end("native call", startMs);
    startMs = profiler.now();
    for (const { name, offset, length } of this.#places) {
      const sum = rowSums.find((candidate) => candidate.name === gradientName(name));
      const place = gradient.subarray(offset, offset + length);
      if (sum === undefined) place.set(floatsNamed(outputs, gradientName(name)));
      else {
        const rowsStartMs = profiler.now();
        addRows(sum, floatsNamed(outputs, sum.rows), columns.inputs, place);
        profiler.end("embedding rows", rowsStartMs);
      }
    }
    profiler.end("copies out", startMs);
    return lossOf(outputs);
  }

  async loss(block: TokenBlock): Promise<number> {
    const columns = tokenColumns(this.#model, block);
    const { outputs } = await this.#run("loss", traceLoss, block, columns);
    return lossOf(outputs);
  }

  async logits(block: TokenBlock): Promise<Float32Array> {
    const columns = tokenColumns(this.#model, block);
    const { outputs } = await this.#run("logits", traceLogits, block, columns);
    return floatsNamed(outputs, LOGITS).slice();
  }

  async decoder(): Promise<Decoder> {
    const { program } = await this.#compile("the next token", () => traceDecode(this.#model));
    return new OnnxDecoder({ model: this.#model, program, parameters: this.#parameterTensors });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = await Promise.allSettled(this.#compiled.values());
    this.#compiled.clear();
    for (const compiled of all) {
      if (compiled.status === "fulfilled") await compiled.value.program[Symbol.asyncDispose]();
    }
    await this.#opened?.[Symbol.asyncDispose]();
  }

  async #run(
    kind: string,
    traceBlock: TraceBlock,
    block: BlockShape,
    { inputs, targets }: TokenColumns,
  ): Promise<Compiled> {
    const compiled = await this.#compileBlock(kind, traceBlock, block);
    const shape = [block.numSequences, block.length];
    const tokens = { [INPUTS]: tensorOver(inputs, shape) };
    const expected = { [TARGETS]: tensorOver(targets, shape) };
    const needsTargets = kind === "logits" ? {} : expected;
    await compiled.program.run(
      { ...this.#parameterTensors, ...tokens, ...needsTargets },
      compiled.outputs,
    );
    return compiled;
  }

  #compileBlock(
    kind: string,
    traceBlock: TraceBlock,
    { numSequences, length }: BlockShape,
  ): Promise<Compiled> {
    return this.#compile(`the ${kind} of ${numSequences} x ${length} tokens`, () =>
      traceBlock(this.#model, { numSequences, length }),
    );
  }

  /** @param computes what the program is for, which names it. */
  async #compile(computes: string, traceProgram: () => Graph): Promise<Compiled> {
    const known = this.#compiled.get(computes);
    if (known !== undefined) return known;
    const compiling = compile(traceProgram(), {
      device: this.#device,
      numThreads: this.#numThreads,
      computes,
    });
    this.#compiled.set(computes, compiling);
    return compiling;
  }
}

async function compile(traced: Graph, options: OnnxProgramOptions): Promise<Compiled> {
  const { graph, rowSums } = optimize(traced);
  const program = await compileOnnxProgram(graph, options);
  return { program, outputs: program.newOutputs(), rowSums };
}

/** Puts together a gradient that is zero but for the rows of the tokens; always in the same order. */
function addRows(sum: RowSum, rows: Float32Array, tokens: Int32Array, place: Float32Array): void {
  const ids = sum.ids.type === "input" ? tokens : sum.ids.ids;
  const width = place.length / sum.numRows;
  place.fill(0);
  for (let row = 0; row < ids.length; row++) {
    const to = defined(ids[row], "row number") * width;
    const from = row * width;
    for (let i = 0; i < width; i++) {
      place[to + i] = (place[to + i] as number) + (rows[from + i] as number);
    }
  }
}

function lossOf(outputs: OnnxTensors): number {
  return defined(floatsNamed(outputs, LOSS)[0], "loss");
}
