import { defined } from "../../base/assert.ts";
import type { TensorPlace } from "../../base/tensor-place.ts";
import type { Graph, GraphNode, NamedValue } from "../graph.ts";
import { newValue, numElements } from "../graph.ts";

/**
 * Takes all parameters from one input, f32[numParams], instead of an input each.
 *
 * The pieces are slices of whole rows of a vector: a runtime can look at them in place.
 *
 * @param places where the inputs of these names lie in the vector, without gaps.
 * @param name of the new input, which comes first.
 */
export function flattenParameters(
  graph: Graph,
  places: readonly TensorPlace[],
  name: string,
): Graph {
  const numParams = places.reduce((sum, { length }) => sum + length, 0);
  const vector = newValue([numParams]);
  const nodes: GraphNode[] = [];
  for (const place of places) {
    const { value } = defined(
      graph.inputs.find((input) => input.name === place.name),
      place.name,
    );
    const piece = newValue([place.length]);
    const cut = { type: "slice", begin: [place.offset] } as const;
    nodes.push({ operation: cut, inputs: [vector], outputs: [piece] });
    nodes.push({ operation: { type: "reshape" }, inputs: [piece], outputs: [value] });
  }
  const names = new Set(places.map((place) => place.name));
  const rest = graph.inputs.filter((input) => !names.has(input.name));
  return {
    ...graph,
    inputs: [{ name, value: vector }, ...rest],
    nodes: [...nodes, ...graph.nodes],
  };
}

/**
 * Joins outputs to one, f32[sum of their lengths], in the order given; other outputs stay.
 *
 * @param names of the outputs to join.
 * @param name of the new output, which comes first.
 */
export function joinOutputs(graph: Graph, names: readonly string[], name: string): Graph {
  const nodes: GraphNode[] = [];
  const vectors = names.map((part) => {
    const { value } = defined(
      graph.outputs.find((output) => output.name === part),
      part,
    );
    const vector = newValue([numElements(value.shape)]);
    nodes.push({ operation: { type: "reshape" }, inputs: [value], outputs: [vector] });
    return vector;
  });
  const [only] = vectors;
  const isAlone = vectors.length === 1 && only !== undefined;
  const length = vectors.reduce((sum, { shape }) => sum + numElements(shape), 0);
  const value = isAlone ? only : newValue([length]);
  // TensorFlow concatenates two tensors at least.
  if (!isAlone) {
    nodes.push({ operation: { type: "concat", axis: 0 }, inputs: vectors, outputs: [value] });
  }
  const joined: NamedValue = { name, value };
  const rest = graph.outputs.filter((output) => !names.includes(output.name));
  return { ...graph, nodes: [...graph.nodes, ...nodes], outputs: [joined, ...rest] };
}
