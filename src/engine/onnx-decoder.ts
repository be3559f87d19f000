import { assert, defined } from "../base/assert.ts";
import { cacheNames, DECODE, LOGITS, nextName } from "../compiler/model-programs.ts";
import type { ModelConfiguration } from "../configuration/configuration.ts";
import { decodePosition } from "../model/decode-step.ts";
import type { Decoder } from "./engine.ts";
import {
  floatsNamed,
  type OnnxProgram,
  type OnnxTensor,
  type OnnxTensors,
  tensorOver,
} from "./onnx-program.ts";

/** What a decoder borrows from its engine. */
export interface OnnxDecoderOptions {
  readonly model: ModelConfiguration;
  /** Of `traceDecode`. */
  readonly program: OnnxProgram;
  /** By name; the engine may change their numbers. */
  readonly parameters: OnnxTensors;
}

/**
 * Decodes with cached keys and values, one run of a graph per token.
 *
 * A graph cannot write to its inputs, so there are two caches: each run reads one and fills the other.
 */
export class OnnxDecoder implements Decoder {
  readonly #options: OnnxDecoderOptions;
  #current: OnnxTensors;
  #next: OnnxTensors;
  #position = 0;

  constructor(options: OnnxDecoderOptions) {
    this.#options = options;
    this.#current = options.program.newOutputs();
    this.#next = options.program.newOutputs();
  }

  get position(): number {
    return this.#position;
  }

  async feed(token: number): Promise<Float32Array> {
    const { model, program, parameters } = this.#options;
    const { contextLength, vocabSize, numLayers } = model;
    const position = this.#position;
    assert(position < contextLength, `position ${position} in a context of ${contextLength}`);
    assert(token >= 0 && token < vocabSize, `token ${token} in a vocabulary of ${vocabSize}`);
    const inputs = inputsAt(model, position, token);
    const cache = cacheOf(this.#current, numLayers);
    await program.run({ ...parameters, ...inputs, ...cache }, this.#next);
    [this.#current, this.#next] = [this.#next, this.#current];
    this.#position++;
    return floatsNamed(this.#current, LOGITS).slice();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#current = {};
    this.#next = {};
  }
}

function cacheOf(tensors: OnnxTensors, numLayers: number): OnnxTensors {
  const cache: Record<string, OnnxTensor> = {};
  for (let layer = 0; layer < numLayers; layer++) {
    for (const name of Object.values(cacheNames(layer))) {
      cache[name] = defined(tensors[nextName(name)], name);
    }
  }
  return cache;
}

function inputsAt(model: ModelConfiguration, position: number, token: number): OnnxTensors {
  const { here, mask, rotation } = decodePosition(model, position);
  const row = (floats: Float32Array) => tensorOver(floats, [1, floats.length]);
  return {
    [DECODE.token]: tensorOver(Int32Array.of(token), [1]),
    [DECODE.position]: tensorOver(Int32Array.of(position), [1]),
    [DECODE.here]: tensorOver(here, [here.length, 1]),
    [DECODE.mask]: row(mask),
    ...(rotation && { [DECODE.cos]: row(rotation.cos), [DECODE.sin]: row(rotation.sin) }),
  };
}
