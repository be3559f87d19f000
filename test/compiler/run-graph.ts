import * as ort from "onnxruntime-node";
import { seededRandom } from "../../src/base/random.ts";
import type { Graph } from "../../src/compiler/graph.ts";
import { numElements } from "../../src/compiler/graph.ts";
import { emitOnnx } from "../../src/compiler/onnx/emit-onnx.ts";

/** Numbers by the names of a graph's inputs or outputs. */
export type Numbers = Readonly<Record<string, readonly number[]>>;

/** What a graph computes from these inputs, by ONNX Runtime without optimizations of its own. */
export async function runGraph(graph: Graph, inputs: Numbers): Promise<Numbers> {
  const session = await ort.InferenceSession.create(emitOnnx(graph), {
    graphOptimizationLevel: "disabled",
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const feeds = Object.fromEntries(
    graph.inputs.map(({ name, value }) => [name, tensorOf(inputs[name] ?? [], value)]),
  );
  const results = await session.run(feeds);
  await session.release();
  return Object.fromEntries(
    Object.entries(results).map(([name, tensor]) => [
      name,
      Array.from(tensor.data as ArrayLike<number>, Number),
    ]),
  );
}

/** Repeatable numbers for a graph's inputs: f32 around zero, i32 below `limit`. */
export function someInputs(graph: Graph, limit = 3): Numbers {
  const random = seededRandom(1);
  return Object.fromEntries(
    graph.inputs.map(({ name, value }) => [
      name,
      Array.from({ length: numElements(value.shape) }, () =>
        value.dataType === "float32"
          ? Math.fround(random.normal())
          : Math.floor(random.uniform() * limit),
      ),
    ]),
  );
}

function tensorOf(numbers: readonly number[], value: Graph["inputs"][number]["value"]): ort.Tensor {
  if (value.dataType === "float32") {
    return new ort.Tensor("float32", Float32Array.from(numbers), value.shape);
  }
  return new ort.Tensor("int32", Int32Array.from(numbers), value.shape);
}
