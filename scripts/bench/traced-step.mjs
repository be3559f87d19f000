// One traced step of a model of the benchmarks: what its graph is compiled from, and what it is fed with.
import { traceGradient } from "../../dist/compiler/model-programs.js";
import { initialParameters } from "../../dist/model/initial-parameters.js";
import { parameterLayout } from "../../dist/model/parameter-layout.js";

/** Forward and backward of one block of a size. */
export function tracedStep({ block, ...shape }) {
  const model = {
    ...shape,
    ...{ ffn: "geglu", ffnSize: 3 * shape.embeddingSize, positions: "rotary", norm: "pre" },
    ...{ smallInit: true, embedNorm: true, layerNormEpsilon: 1e-5, bias: true },
  };
  const blockShape = { numSequences: block, length: shape.contextLength };
  const ids = Int32Array.from(
    { length: block * shape.contextLength },
    (_, i) => (i * 7919) % shape.vocabSize,
  );
  return {
    ...{ model, blockShape, ids, places: parameterLayout(model).tensors },
    parameters: initialParameters(model, 1),
    traced: traceGradient(model, blockShape),
  };
}
