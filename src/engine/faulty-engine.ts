import type { Engine } from "./engine.ts";

/** What is wrong with an engine under test. */
export type EngineFault =
  /** It computes each gradient so many times, as on a machine that is as much slower. */
  | { readonly type: "slow"; readonly times: number }
  /** The last bit of each gradient's first number is flipped, as by hardware that errs. */
  | { readonly type: "wrong" };

/** An engine with a fault, for tests of what the fleet makes of it. Owns `engine`. */
export function faultyEngine(engine: Engine, fault: EngineFault): Engine {
  return {
    description: engine.description,
    putParameters: (parameters) => engine.putParameters(parameters),
    prepare: (shape) => engine.prepare(shape),
    async gradient(block, gradient) {
      const lossSum = await engine.gradient(block, gradient);
      if (fault.type === "wrong") flipLastBit(gradient);
      else for (let i = 1; i < fault.times; i++) await engine.gradient(block, gradient);
      return lossSum;
    },
    loss: (block) => engine.loss(block),
    logits: (block) => engine.logits(block),
    decoder: () => engine.decoder(),
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}

function flipLastBit({ buffer, byteOffset }: Float32Array): void {
  const bits = new Uint32Array(buffer, byteOffset, 1);
  bits[0] = (bits[0] ?? 0) ^ 1;
}
