import * as tf from "@tensorflow/tfjs-core";
import { assert } from "../base/assert.ts";
import type { ModelConfiguration } from "../configuration/configuration.ts";
import {
  type DecodeInputs,
  type DecodeOutputs,
  decodePosition,
  decodeStep,
  type KeyValueCache,
} from "../model/decode-step.ts";
import type { Decoder } from "./engine.ts";

/** Decodes with cached keys and values, operation by operation. */
export class TfjsDecoder implements Decoder {
  readonly #model: ModelConfiguration;
  readonly #parameters: () => Promise<readonly tf.Tensor[]>;
  #cache: KeyValueCache;
  #position = 0;

  /** @param parameters gives the engine's parameters, with tfjs ready to use them. */
  constructor(model: ModelConfiguration, parameters: () => Promise<readonly tf.Tensor[]>) {
    this.#model = model;
    this.#parameters = parameters;
    this.#cache = emptyCache(model);
  }

  get position(): number {
    return this.#position;
  }

  async feed(token: number): Promise<Float32Array> {
    const { contextLength, vocabSize } = this.#model;
    const position = this.#position;
    assert(position < contextLength, `position ${position} in a context of ${contextLength}`);
    assert(token >= 0 && token < vocabSize, `token ${token} in a vocabulary of ${vocabSize}`);
    const parameters = await this.#parameters();
    const outputs = tf.tidy(() => {
      const inputs = inputsAt(this.#model, position, token);
      // tfjs types what a tidy may return without interfaces and without read-only arrays.
      return decodeStep(
        this.#model,
        parameters,
        inputs,
        this.#cache,
      ) as unknown as tf.TensorContainer;
    }) as unknown as DecodeOutputs;
    disposeCache(this.#cache);
    this.#cache = outputs.cache;
    this.#position++;
    const logits = outputs.logits.dataSync<"float32">().slice();
    outputs.logits.dispose();
    return logits;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    disposeCache(this.#cache);
    this.#cache = { keys: [], values: [] };
  }
}

function emptyCache({ numLayers, numHeads, contextLength, embeddingSize }: ModelConfiguration) {
  const layer = () => tf.zeros<tf.Rank.R3>([numHeads, contextLength, embeddingSize / numHeads]);
  return {
    keys: Array.from({ length: numLayers }, layer), // [H, T, D]
    values: Array.from({ length: numLayers }, layer), // [H, T, D]
  };
}

function disposeCache({ keys, values }: KeyValueCache): void {
  tf.dispose([...keys, ...values]);
}

function inputsAt(model: ModelConfiguration, position: number, token: number): DecodeInputs {
  const { here, mask, rotation } = decodePosition(model, position);
  const row = (numbers: Float32Array) => tf.tensor2d(numbers, [1, numbers.length]);
  return {
    token: tf.tensor1d([token], "int32"),
    position: tf.tensor1d([position], "int32"),
    here: tf.tensor2d(here, [here.length, 1]),
    mask: row(mask),
    rotation: rotation && { cos: row(rotation.cos), sin: row(rotation.sin) },
  };
}
