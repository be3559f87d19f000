// Prints a digest of the gradient of each of some models: node print-tensorflow-digests.mjs THREADS PRECISION
import { digestOf } from "../../dist/base/digest.js";
import { createTensorflowEngine } from "../../dist/engine/tensorflow-engine.js";
import { initialParameters } from "../../dist/model/initial-parameters.js";
import { parameterLayout } from "../../dist/model/parameter-layout.js";

const [numThreads, precision] = process.argv.slice(2);

const SIZES = [
  { embeddingSize: 192, numHeads: 2, vocabSize: 65 },
  { embeddingSize: 64, numHeads: 2, vocabSize: 1024 },
  // No number of threads divides these.
  { embeddingSize: 72, numHeads: 3, vocabSize: 101 },
];

for (const sizes of SIZES) {
  const model = {
    ...{ ...sizes, contextLength: 96, numLayers: 2, ffn: "geglu", ffnSize: 208 },
    ...{ positions: "rotary", norm: "pre", smallInit: true, embedNorm: true },
    ...{ layerNormEpsilon: 1e-5, bias: true },
  };
  const engine = await createTensorflowEngine({
    ...{ model, device: "cpu", precision, parameters: "fed", numThreads: Number(numThreads) },
    environment: process.env,
  });
  engine.putParameters(initialParameters(model, 1));
  const { numParams } = parameterLayout(model);
  const tokens = Int32Array.from({ length: 3 * 97 }, (_, i) => (i * 7919) % model.vocabSize);
  const gradient = new Float32Array(numParams);
  const loss = await engine.gradient({ numSequences: 3, length: 96, tokens }, gradient);
  process.stdout.write(`${loss} ${digestOf(gradient)}\n`);
  await engine[Symbol.asyncDispose]();
}
