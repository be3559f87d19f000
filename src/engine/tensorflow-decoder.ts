import { assert } from "../base/assert.ts";
import { cacheNames, DECODE, LOGITS, nextName } from "../compiler/model-programs.ts";
import type { ModelConfiguration } from "../configuration/configuration.ts";
import { decodePosition } from "../model/decode-step.ts";
import type { Decoder } from "./engine.ts";
import type { TensorflowBinding } from "./tensorflow-binding.ts";
import type { TensorflowProgram } from "./tensorflow-program.ts";

/** What a decoder borrows from its engine. */
export interface TensorflowDecoderOptions {
  readonly model: ModelConfiguration;
  readonly binding: TensorflowBinding;
  /** Runs the program of `traceDecode` with the engine's parameters of this moment. */
  readonly run: TensorflowProgram["run"];
}

/** Decodes with cached keys and values, which stay with TensorFlow from one token to the next. */
export class TensorflowDecoder implements Decoder {
  readonly #options: TensorflowDecoderOptions;
  /** Tensors by name. */
  #cache: Readonly<Record<string, number>>;
  #position = 0;

  constructor(options: TensorflowDecoderOptions) {
    this.#options = options;
    this.#cache = emptyCache(options);
  }

  get position(): number {
    return this.#position;
  }

  async feed(token: number): Promise<Float32Array> {
    const { model, binding, run } = this.#options;
    const { contextLength, vocabSize } = model;
    const position = this.#position;
    assert(position < contextLength, `position ${position} in a context of ${contextLength}`);
    assert(token >= 0 && token < vocabSize, `token ${token} in a vocabulary of ${vocabSize}`);
    const inputs = inputsAt(this.#options, token, position);
    const names = Object.keys(this.#cache);
    const results = run({ ...inputs, ...this.#cache }, [LOGITS, ...names.map(nextName)]);
    const [logits = -1, ...next] = results;
    const spent = [...Object.values(inputs), ...Object.values(this.#cache), logits];
    const numbers = binding.tensorDataSync(logits) as Float32Array;
    for (const id of spent) binding.deleteTensor(id);
    this.#cache = Object.fromEntries(names.map((name, i) => [name, next[i] ?? -1]));
    this.#position++;
    return numbers;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of Object.values(this.#cache)) this.#options.binding.deleteTensor(id);
    this.#cache = {};
  }
}

function emptyCache({ model, binding }: TensorflowDecoderOptions): Record<string, number> {
  const { numLayers, numHeads, contextLength, embeddingSize } = model;
  const shape = [numHeads, contextLength, embeddingSize / numHeads];
  const zeros = new Float32Array(contextLength * embeddingSize);
  const names = Array.from({ length: numLayers }, (_, layer) => cacheNames(layer));
  return Object.fromEntries(
    names
      .flatMap(({ keys, values }) => [keys, values])
      .map((name) => [name, binding.createTensor(shape, binding.TF_FLOAT, zeros)]),
  );
}

function inputsAt(
  { model, binding }: TensorflowDecoderOptions,
  token: number,
  position: number,
): Record<string, number> {
  const { here, mask, rotation } = decodePosition(model, position);
  const one = (integer: number) =>
    binding.createTensor([1], binding.TF_INT32, Int32Array.of(integer));
  const row = (floats: Float32Array) =>
    binding.createTensor([1, floats.length], binding.TF_FLOAT, floats);
  return {
    [DECODE.token]: one(token),
    // Rotary models are told of positions by cos and sin alone.
    [DECODE.position]: one(position),
    [DECODE.here]: binding.createTensor([here.length, 1], binding.TF_FLOAT, here),
    [DECODE.mask]: row(mask),
    ...(rotation && { [DECODE.cos]: row(rotation.cos), [DECODE.sin]: row(rotation.sin) }),
  };
}
