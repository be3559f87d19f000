import type { Graph } from "../../../src/compiler/graph.ts";
import type { TensorflowOptions } from "../../../src/compiler/tensorflow/emit-tensorflow.ts";
import { compileTensorflowProgram } from "../../../src/engine/tensorflow-program.ts";
import { tensorflowHere } from "../../with-tensorflow.ts";
import type { Numbers } from "../run-graph.ts";

const SITE = { engine: "tensorflow", runtime: "TensorFlow", device: "cpu", computes: "a test" };

/** What a graph computes from these inputs, by TensorFlow; variables are assigned first. */
export function runInTensorflow(
  graph: Graph,
  inputs: Numbers,
  options: TensorflowOptions = { precision: "f32", variables: [] },
): Numbers {
  const { binding } = tensorflowHere();
  const program = compileTensorflowProgram(binding, { graph, options }, SITE);
  const feeds: Record<string, number> = {};
  for (const { name, value } of graph.inputs) {
    const isFloat = value.dataType === "float32";
    const data = (isFloat ? Float32Array : Int32Array).from(inputs[name] ?? []);
    const type = isFloat ? binding.TF_FLOAT : binding.TF_INT32;
    const id = binding.createTensor(value.shape, type, data);
    if (options.variables.includes(name)) program.assign(name, id);
    else feeds[name] = id;
  }
  const names = graph.outputs.map(({ name }) => name);
  const results = program.run(feeds, names);
  const entries = names.map((name, i) => {
    return [name, Array.from(binding.tensorDataSync(results[i] ?? -1), Number)];
  });
  for (const id of [...Object.values(feeds), ...results]) binding.deleteTensor(id);
  program.dispose();
  return Object.fromEntries(entries);
}
