import { assert } from "../base/assert.ts";
import type { Graph, GraphNode, Value } from "./graph.ts";

/** What becomes of one node: other nodes in its place, or values that already hold its results. */
export type Replacement =
  | { readonly nodes: readonly GraphNode[] }
  /** One for each output of the node. */
  | { readonly values: readonly Value[] };

/** What a rewrite may ask about the part of the graph that it has already rewritten. */
export interface Rewritten {
  /** The node that makes a value; undefined for inputs and constants. */
  producerOf(value: Value): GraphNode | undefined;
}

/**
 * Walks the nodes in order, gives each to `visit` with its inputs already replaced, and puts what
 * comes back in its place; undefined keeps the node. Replacing nodes must make the old outputs.
 */
export function rewrite(
  graph: Graph,
  visit: (node: GraphNode, rewritten: Rewritten) => Replacement | undefined,
): Graph {
  const replaced = new Map<Value, Value>();
  const producers = new Map<Value, GraphNode>();
  const nodes: GraphNode[] = [];
  const current = (value: Value) => replaced.get(value) ?? value;
  const rewritten: Rewritten = { producerOf: (value) => producers.get(value) };

  for (const original of graph.nodes) {
    const node = { ...original, inputs: original.inputs.map(current) };
    const replacement = visit(node, rewritten) ?? { nodes: [node] };
    if ("nodes" in replacement) {
      for (const made of replacement.nodes) {
        nodes.push(made);
        for (const output of made.outputs) producers.set(output, made);
      }
      continue;
    }
    assert(replacement.values.length === node.outputs.length, "every output needs a replacement");
    for (const [i, output] of node.outputs.entries()) {
      const value = replacement.values[i];
      if (value !== undefined) replaced.set(output, value);
    }
  }
  const outputs = graph.outputs.map(({ name, value }) => ({ name, value: current(value) }));
  return { ...graph, nodes, outputs };
}

/** How often each value is read, by nodes and as an output of the graph. */
export function countUses(graph: Graph): ReadonlyMap<Value, number> {
  const uses = new Map<Value, number>();
  const use = (value: Value) => uses.set(value, (uses.get(value) ?? 0) + 1);
  for (const node of graph.nodes) for (const input of node.inputs) use(input);
  for (const { value } of graph.outputs) use(value);
  return uses;
}
