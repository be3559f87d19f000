import type { Constant, Graph, Value } from "../graph.ts";
import { rewrite } from "../rewrite.ts";

/** Computes equal things once: equal constants become one, and so do equal operations of equal values. */
export function shareEqualNodes(graph: Graph): Graph {
  const names = new Map<Value, number>();
  const nameOf = (value: Value) => {
    const name = names.get(value) ?? names.size;
    names.set(value, name);
    return name;
  };
  const firstOf = sharedConstants(graph.constants);
  const results = new Map<string, readonly Value[]>();
  return rewrite(graph, (node) => {
    const inputs = node.inputs.map((input) => firstOf.get(input) ?? input);
    const key = JSON.stringify([
      node.operation,
      inputs.map(nameOf),
      node.outputs.map(({ shape, dataType }) => [shape, dataType]),
    ]);
    const values = results.get(key);
    if (values !== undefined) return { values };
    results.set(key, node.outputs);
    return { nodes: [{ ...node, inputs }] };
  });
}

function sharedConstants(constants: readonly Constant[]): ReadonlyMap<Value, Value> {
  const firstByContent = new Map<string, Value>();
  const firstOf = new Map<Value, Value>();
  for (const { value, data } of constants) {
    // Large constants are compared by their bytes too; a graph has few.
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const content = `${value.dataType} ${value.shape} ${Buffer.from(bytes).toString("latin1")}`;
    const first = firstByContent.get(content);
    if (first === undefined) firstByContent.set(content, value);
    else firstOf.set(value, first);
  }
  return firstOf;
}
