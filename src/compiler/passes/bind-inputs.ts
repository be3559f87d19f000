import type { Constant, Graph } from "../graph.ts";

/** Makes constants of the inputs that `numbers` knows by name; they keep their names. */
export function bindInputs(graph: Graph, numbers: ReadonlyMap<string, Float32Array>): Graph {
  const constants: Constant[] = graph.inputs.flatMap(({ name, value }) => {
    const data = numbers.get(name);
    return data === undefined ? [] : [{ name, value, data }];
  });
  return {
    ...graph,
    inputs: graph.inputs.filter(({ name }) => !numbers.has(name)),
    constants: [...graph.constants, ...constants],
  };
}
