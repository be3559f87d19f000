import type { Engine } from "./engine.ts";

/** What is wrong with an engine under test. */
export type EngineFault =
  /** It computes each gradient so many times, as on a machine that is as much slower. */
  | { readonly type: "slow"; readonly times: number }
  /** The last bit of each gradient's first number is flipped, as by hardware that errs. */
  | { readonly type: "wrong" }
  /** The so manieth time that it is given the parameters, the last bit of their first number is flipped. */
  | { readonly type: "drift"; readonly times: number };

/** An engine with a fault, for tests of what the fleet makes of it. Owns `engine`. */
export function faultyEngine(engine: Engine, fault: EngineFault): Engine {
  const numGradients = fault.type === "slow" ? fault.times : 1;
  let numPuts = 0;
  return {
    description: engine.description,
    putParameters(parameters) {
      numPuts++;
      if (fault.type === "drift" && numPuts === fault.times) flipLastBit(parameters);
      engine.putParameters(parameters);
    },
    prepare: (shape) => engine.prepare(shape),
    async gradient(block, gradient) {
      const lossSum = await engine.gradient(block, gradient);
      for (let i = 1; i < numGradients; i++) await engine.gradient(block, gradient);
      if (fault.type === "wrong") flipLastBit(gradient);
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
