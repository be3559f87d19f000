import { version_cpu } from "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import { assert, defined } from "../base/assert.ts";
import type { ModelConfiguration } from "../configuration/configuration.ts";
import { forward } from "../model/forward.ts";
import { lossAndGradients, lossSum } from "../model/loss.ts";
import { parameterLayout } from "../model/parameter-layout.ts";
import type { Decoder, Engine, EngineDescription, TokenBlock } from "./engine.ts";
import { TfjsDecoder } from "./tfjs-decoder.ts";
import { tokenColumns } from "./token-columns.ts";

const BACKEND = "cpu";

/**
 * The model run operation by operation in plain JavaScript, on one thread: slow, and with nothing
 * between the equations and the numbers. What the other engines are compared with.
 */
export async function createTfjsEngine(model: ModelConfiguration): Promise<Engine> {
  // Otherwise tfjs prints an advertisement on first use.
  tf.enableProdMode();
  await activate();
  return new TfjsEngine(model);
}

/** tfjs has one active backend per process, and others may have changed it since. */
async function activate(): Promise<void> {
  if (tf.getBackend() === BACKEND) return;
  const isThere = await tf.setBackend(BACKEND);
  assert(isThere, `tfjs has no backend ${BACKEND}`);
}

class TfjsEngine implements Engine {
  readonly description: EngineDescription = {
    engine: "tfjs",
    device: "cpu",
    runtime: `tfjs-backend-cpu ${version_cpu}`,
    numThreads: 1,
  };
  readonly #model: ModelConfiguration;
  #parameters: readonly tf.Tensor[] | undefined;

  constructor(model: ModelConfiguration) {
    this.#model = model;
  }

  putParameters(parameters: Float32Array): void {
    const { tensors, numParams } = parameterLayout(this.#model);
    assert(parameters.length === numParams, `${parameters.length} of ${numParams} parameters`);
    tf.dispose([...(this.#parameters ?? [])]);
    // tfjs keeps the array that it is given, so each tensor gets a copy of its own.
    this.#parameters = tensors.map(({ offset, length, shape }) =>
      tf.tensor(parameters.slice(offset, offset + length), [...shape]),
    );
  }

  /** Nothing is compiled here. */
  async prepare(): Promise<void> {}

  async gradient(block: TokenBlock, gradient: Float32Array): Promise<number> {
    const { tensors, numParams } = parameterLayout(this.#model);
    assert(gradient.length === numParams, `a gradient of ${gradient.length} for ${numParams}`);
    return this.#run(block, (parameters, inputs, targets) => {
      const result = lossAndGradients(this.#model, parameters, inputs, targets);
      for (const [i, { offset }] of tensors.entries()) {
        gradient.set(defined(result.gradients[i], "gradient").dataSync(), offset);
      }
      return scalarOf(result.lossSum);
    });
  }

  async loss(block: TokenBlock): Promise<number> {
    return this.#run(block, (parameters, inputs, targets) =>
      scalarOf(lossSum(this.#model, parameters, inputs, targets)),
    );
  }

  async logits(block: TokenBlock): Promise<Float32Array> {
    return this.#run(block, (parameters, inputs) => {
      const logits = forward(this.#model, parameters, inputs); // [N, V]
      return logits.dataSync<"float32">().slice();
    });
  }

  async decoder(): Promise<Decoder> {
    await activate();
    return new TfjsDecoder(this.#model, async () => {
      await activate();
      return this.#given();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    tf.dispose([...(this.#parameters ?? [])]);
    this.#parameters = undefined;
  }

  /** Runs `compute` on a block's tensors; nothing that it makes outlives it. */
  async #run<T extends number | Float32Array>(
    block: TokenBlock,
    compute: (parameters: readonly tf.Tensor[], inputs: tf.Tensor2D, targets: tf.Tensor2D) => T,
  ): Promise<T> {
    const { inputs, targets } = tokenColumns(this.#model, block);
    const shape: [number, number] = [block.numSequences, block.length];
    await activate();
    const parameters = this.#given();
    tf.engine().startScope();
    try {
      return compute(
        parameters,
        tf.tensor2d(inputs, shape, "int32"),
        tf.tensor2d(targets, shape, "int32"),
      );
    } finally {
      tf.engine().endScope();
    }
  }

  #given(): readonly tf.Tensor[] {
    return defined(this.#parameters, "putParameters before any computation");
  }
}

function scalarOf(scalar: tf.Scalar): number {
  return defined(scalar.dataSync()[0], "loss");
}
