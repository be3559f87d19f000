import type { Graph, GraphNode, Value } from "../graph.ts";

/** Removes nodes and constants that no output depends on. Inputs stay: they are the caller's. */
export function removeDeadCode(graph: Graph): Graph {
  const needed = new Set<Value>(graph.outputs.map(({ value }) => value));
  const nodes: GraphNode[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((output) => needed.has(output))) continue;
    nodes.push(node);
    for (const input of node.inputs) needed.add(input);
  }
  const constants = graph.constants.filter(({ value }) => needed.has(value));
  return { ...graph, constants, nodes: nodes.toReversed() };
}
