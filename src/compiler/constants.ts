import type { Graph, Value } from "./graph.ts";

/** Looks up the number that all elements of a constant share; undefined where there is no such number. */
export function constantNumbers(graph: Graph): (value: Value) => number | undefined {
  const data = new Map(graph.constants.map((constant) => [constant.value, constant.data]));
  return (value) => {
    const numbers = data.get(value);
    const first = numbers?.[0];
    return numbers?.every((number) => number === first) ? first : undefined;
  };
}
