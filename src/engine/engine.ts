import type { BlockShape } from "../compiler/model-programs.ts";

/** What a running engine is, for logs, `doctor` and the summary of a run. */
export interface EngineDescription {
  /** The engine's name on the command line. */
  readonly engine: "onnx" | "tensorflow" | "tfjs";
  /** "cpu", "webgpu" or "gpu:N". */
  readonly device: string;
  /** The library that computes, with its version, for example "onnxruntime-node 1.30.0". */
  readonly runtime: string;
  readonly numThreads: number;
}

/**
 * Computes the model's loss and gradient for one set of parameters at a time.
 *
 * Token blocks are i32[numSequences · (length + 1)], row after row: a row's first `length` tokens are the
 * inputs, its last `length` the targets. `length` is at most the model's context. All calls of one
 * engine are made one after another, each awaited before the next. Losses are in nats, and sums over
 * all tokens of the block, never means.
 */
export interface Engine extends AsyncDisposable {
  readonly description: EngineDescription;
  /**
   * Takes the flat parameters, f32[numParams], in layout order; later calls use them. A copy, except
   * that an engine may look at shared memory in place: there they must stay as they are until they
   * are put again, the same or others.
   */
  putParameters(parameters: Float32Array): void;
  /**
   * Compiles what gradients of blocks of this shape take; without, the first gradient does. Nothing is
   * computed: on a GPU, shaders are still compiled by the first gradient.
   */
  prepare(shape: BlockShape): Promise<void>;
  /**
   * The loss sum of a block, and the gradient of that sum.
   *
   * @param gradient f32[numParams], overwritten; may lie on shared memory.
   * @returns the loss sum, f32.
   */
  gradient(block: TokenBlock, gradient: Float32Array): Promise<number>;
  /** The loss sum of a block. */
  loss(block: TokenBlock): Promise<number>;
  /** The logits of a block's inputs, f32[numSequences · length · vocabSize], row-major. */
  logits(block: TokenBlock): Promise<Float32Array>;
  /** Starts decoding one sequence token by token. */
  decoder(): Promise<Decoder>;
}

/** Sequences of equal length, with one token more each than positions computed. */
export interface TokenBlock extends BlockShape {
  /** i32[numSequences · (length + 1)]. */
  readonly tokens: Int32Array;
}

/** One sequence under way, with the keys and values of the positions that it has seen. */
export interface Decoder extends AsyncDisposable {
  /** Positions fed so far; at most `contextLength`. */
  readonly position: number;
  /**
   * Feeds the next token.
   *
   * @returns the logits of the position after it, f32[vocabSize].
   */
  feed(token: number): Promise<Float32Array>;
}
