import { expect } from "vitest";
import type { Graph, GraphNode } from "../../src/compiler/graph.ts";
import { type Numbers, runGraph, someInputs } from "./run-graph.ts";

/** Holds that two graphs compute the same from the same inputs, to the rounding of f32. */
export async function expectSameNumbers(before: Graph, after: Graph): Promise<void> {
  const inputs = someInputs(before);
  expectClose(await runGraph(after, inputs), await runGraph(before, inputs));
}

/** Holds that results have the same names and, to the rounding of f32, the same numbers. */
export function expectClose(results: Numbers, expected: Numbers): void {
  expect(new Set(Object.keys(results))).toEqual(new Set(Object.keys(expected)));
  for (const [name, numbers] of Object.entries(expected)) {
    const found = results[name] ?? [];
    expect(found.length, name).toBe(numbers.length);
    const scale = Math.max(1, ...numbers.map(Math.abs));
    const worst = Math.max(0, ...numbers.map((number, i) => Math.abs(number - (found[i] ?? NaN))));
    expect(worst / scale, `${name}: ${found} is not ${numbers}`).toBeLessThan(5e-6);
  }
}

/** The operations of a graph in order, with their functions where they have one: "binary add". */
export function operationsOf(graph: Graph): readonly string[] {
  return graph.nodes.map(describe);
}

function describe({ operation }: GraphNode): string {
  return "function" in operation ? `${operation.type} ${operation.function}` : operation.type;
}
