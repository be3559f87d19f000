import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import type { Decoder, Engine } from "../../src/engine/engine.ts";
import { generateTokens } from "../../src/engine/generate-tokens.ts";

const GREEDY = { temperature: 0, topK: 0, topP: 1, random: seededRandom(1) };
const VOCAB_SIZE = 10;

describe("generateTokens", () => {
  test("feeds the prompt once and then each new token once", async () => {
    const { engine, fed } = countingEngine();
    expect(await collect(engine, { prompt: [1, 2], numTokens: 3, contextLength: 8 })).toEqual([
      3, 4, 5,
    ]);
    expect(fed).toEqual([[1, 2, 3, 4]]);
  });

  test("starts again from the last half of a full context", async () => {
    const { engine, fed } = countingEngine();
    const tokens = await collect(engine, { prompt: [0], numTokens: 7, contextLength: 4 });
    expect(tokens).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(fed).toEqual([
      [0, 1, 2, 3],
      [3, 4, 5, 6],
    ]);
  });

  test("takes the end of a prompt that is longer than the context", async () => {
    const { engine, fed } = countingEngine();
    const prompt = [0, 1, 2, 3, 4, 5, 6];
    expect(await collect(engine, { prompt, numTokens: 1, contextLength: 4 })).toEqual([7]);
    expect(fed).toEqual([[5, 6]]);
  });

  test("closes every decoder, also when its reader stops early", async () => {
    const { engine, open } = countingEngine();
    const options = { ...GREEDY, prompt: [0], numTokens: 50, contextLength: 4 };
    for await (const token of generateTokens(engine, options)) if (token === 6) break;
    expect(open()).toBe(0);
  });
});

type Request = { prompt: number[]; numTokens: number; contextLength: number };

async function collect(engine: Engine, request: Request): Promise<number[]> {
  const tokens: number[] = [];
  for await (const token of generateTokens(engine, { ...GREEDY, ...request })) tokens.push(token);
  return tokens;
}

/** An engine whose model always foretells the next number. */
function countingEngine() {
  const fed: number[][] = [];
  let numOpen = 0;
  async function decoder(): Promise<Decoder> {
    const own: number[] = [];
    fed.push(own);
    numOpen += 1;
    return {
      get position() {
        return own.length;
      },
      async feed(token) {
        own.push(token);
        return Float32Array.from({ length: VOCAB_SIZE }, (_, id) => (id === token + 1 ? 1 : 0));
      },
      async [Symbol.asyncDispose]() {
        numOpen -= 1;
      },
    };
  }
  return { engine: { decoder } as unknown as Engine, fed, open: () => numOpen };
}
