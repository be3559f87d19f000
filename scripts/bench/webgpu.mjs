// Gradients of one small model on WebGPU, two ways in turn in one process: the compiled graph in ONNX Runtime
// against tfjs-backend-webgpu over Dawn. First: npm run build, and
//   npm install --no-save webgpu @tensorflow/tfjs-backend-webgpu@4.22.0
// Then: node scripts/bench/webgpu.mjs [rounds]
import tf from "@tensorflow/tfjs-core";
import { create, globals } from "webgpu";

Object.assign(globalThis, globals);
Object.defineProperty(globalThis, "navigator", { value: { gpu: create([]), userAgent: "node" } });
await import("@tensorflow/tfjs-backend-webgpu");
const { createOnnxEngine } = await import("../../dist/engine/onnx-engine.js");
const { initialParameters } = await import("../../dist/model/initial-parameters.js");
const { lossAndGradients } = await import("../../dist/model/loss.js");
const { parameterLayout } = await import("../../dist/model/parameter-layout.js");

const rounds = Number(process.argv[2] ?? 6);
const model = {
  ...{ vocabSize: 65, contextLength: 16, embeddingSize: 32, numHeads: 2, numLayers: 1 },
  ...{ ffn: "gelu", ffnSize: 128, positions: "rotary", norm: "pre" },
  ...{ smallInit: true, embedNorm: true, layerNormEpsilon: 1e-5, bias: true },
};
const [numSequences, length] = [2, model.contextLength];
const tokens = Int32Array.from({ length: numSequences * (length + 1) }, (_, i) => (i * 7 + 3) % 65);
const { tensors, numParams } = parameterLayout(model);
const parameters = initialParameters(model, 1);

const engine = await createOnnxEngine({ model, device: "webgpu", numThreads: 1 });
engine.putParameters(parameters);
const compiled = new Float32Array(numParams);

tf.enableProdMode();
await tf.setBackend("webgpu");
await tf.ready();
const variables = tensors.map(({ offset, length: size, shape }) =>
  tf.tensor(parameters.slice(offset, offset + size), [...shape]),
);
const eager = new Float32Array(numParams);

async function eagerGradient() {
  tf.engine().startScope();
  try {
    const rows = tf.tensor2d(tokens, [numSequences, length + 1], "int32");
    const inputs = tf.slice(rows, [0, 0], [numSequences, length]);
    const targets = tf.slice(rows, [0, 1], [numSequences, length]);
    const { lossSum, gradients } = lossAndGradients(model, variables, inputs, targets);
    const parts = await Promise.all(gradients.map((gradient) => gradient.data()));
    for (const [i, part] of parts.entries()) eager.set(part, tensors[i].offset);
    return (await lossSum.data())[0];
  } finally {
    tf.engine().endScope();
  }
}

async function timed(compute) {
  const start = performance.now();
  const loss = await compute();
  return { loss, ms: performance.now() - start };
}

const ratios = [];
for (let round = 0; round < rounds; round++) {
  const onnx = await timed(() => engine.gradient({ numSequences, length, tokens }, compiled));
  const tfjs = await timed(eagerGradient);
  const what = round === 0 ? "first, with its shaders" : `round ${round}`;
  console.log(`${what}: onnx ${onnx.ms.toFixed(0)} ms, tfjs ${tfjs.ms.toFixed(0)} ms`);
  if (round === 0) console.log(`loss: onnx ${onnx.loss}, tfjs ${tfjs.loss}`);
  else ratios.push(tfjs.ms / onnx.ms);
}
ratios.sort((a, b) => a - b);
const scale = Math.max(...compiled.map(Math.abs));
const error = Math.max(...compiled.map((slope, i) => Math.abs(slope - eager[i]))) / scale;
console.log(`gradients differ by ${error.toExponential(1)} of the largest`);
console.log(
  `tfjs takes ${ratios[Math.floor(ratios.length / 2)].toFixed(1)} times as long (median)`,
);
// Dawn's threads keep the process alive.
process.exit(0);
