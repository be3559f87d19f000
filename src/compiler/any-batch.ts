import { assert } from "../base/assert.ts";
import { ANY, type Graph, type GraphNode, type NamedValue, newValue, type Value } from "./graph.ts";

/**
 * A graph for batches of every size, from the graphs of two sizes: a dimension in which they differ is
 * `ANY`, everything else must be the same.
 *
 * @param graphOf the graph for a batch size; called with two sizes, neither of which is 1, as a
 *   dimension of 1 would be taken for one to broadcast.
 */
export function withAnyBatch(graphOf: (batchSize: number) => Graph): Graph {
  const [graph, other] = [graphOf(2), graphOf(3)];
  assert(graph.nodes.length === other.nodes.length, "a batch size decides what is computed");
  const values = new Map<Value, Value>();
  const merge = (value: Value, twin: Value | undefined): Value => {
    assert(twin?.shape.length === value.shape.length, "a batch size decides a rank");
    const shape = value.shape.map((size, axis) => (size === twin.shape[axis] ? size : ANY));
    assert(shape.filter((size) => size === ANY).length <= 1, `two sizes of [${shape}] are open`);
    const merged = values.get(value) ?? newValue(shape, value.dataType);
    values.set(value, merged);
    return merged;
  };
  const mergeNamed = (named: readonly NamedValue[], twins: readonly NamedValue[]) =>
    named.map(({ name, value }, i) => ({ name, value: merge(value, twins[i]?.value) }));
  const mergeNode = (node: GraphNode, twin: GraphNode | undefined): GraphNode => {
    const isSame = JSON.stringify(node.operation) === JSON.stringify(twin?.operation);
    assert(isSame, `a batch size decides how to ${node.operation.type}`);
    return {
      operation: node.operation,
      inputs: node.inputs.map((input, i) => merge(input, twin?.inputs[i])),
      outputs: node.outputs.map((output, i) => merge(output, twin?.outputs[i])),
    };
  };
  return {
    inputs: mergeNamed(graph.inputs, other.inputs),
    constants: graph.constants.map((constant, i) => {
      const value = merge(constant.value, other.constants[i]?.value);
      assert(!value.shape.includes(ANY), "a batch size decides a constant");
      return { ...constant, value };
    }),
    nodes: graph.nodes.map((node, i) => mergeNode(node, other.nodes[i])),
    outputs: mergeNamed(graph.outputs, other.outputs),
  };
}
