import { assert, defined } from "../base/assert.ts";
import type { Random } from "../base/random.ts";
import type { Decoder, Engine } from "./engine.ts";
import { type SamplingOptions, sampleToken } from "./sample-token.ts";

/** What to generate. */
export interface GenerationOptions extends SamplingOptions {
  /** At least one token to go on from. */
  readonly prompt: readonly number[];
  readonly numTokens: number;
  readonly contextLength: number;
  readonly random: Random;
}

/**
 * Goes on from a prompt, token by token.
 *
 * Each token costs one decoding step with cached keys and values. When the context is full, decoding
 * starts again from the last half of it (positions are absolute in the cache, so it cannot slide): on
 * average two steps a token.
 */
export async function* generateTokens(
  engine: Engine,
  options: GenerationOptions,
): AsyncGenerator<number, void> {
  const { prompt, numTokens, contextLength, random } = options;
  assert(prompt.length > 0, "the prompt is empty");
  const tokens = [...prompt];
  let decoder: Decoder | undefined;
  try {
    for (let i = 0; i < numTokens; i++) {
      if (decoder !== undefined && decoder.position >= contextLength) {
        await decoder[Symbol.asyncDispose]();
        decoder = undefined;
      }
      const pending: readonly number[] =
        decoder === undefined ? recentTokens(tokens, contextLength) : tokens.slice(-1);
      decoder ??= await engine.decoder();
      const logits = await feedAll(decoder, pending);
      const token = sampleToken(logits, options, random);
      tokens.push(token);
      yield token;
    }
  } finally {
    await decoder?.[Symbol.asyncDispose]();
  }
}

/** What a new decoder begins with: all tokens when they fit, else the last half context. */
function recentTokens(tokens: readonly number[], contextLength: number): readonly number[] {
  return tokens.length < contextLength
    ? tokens
    : tokens.slice(-Math.max(1, Math.floor(contextLength / 2)));
}

async function feedAll(decoder: Decoder, tokens: readonly number[]): Promise<Float32Array> {
  let logits: Float32Array | undefined;
  for (const token of tokens) logits = await decoder.feed(token);
  return defined(logits, "a token to feed");
}
