import { expect, test } from "vitest";
import { newValue } from "../../src/compiler/graph.ts";
import { countUses, rewrite } from "../../src/compiler/rewrite.ts";
import { operationsOf } from "./same-numbers.ts";

const x = newValue([2]);
const [a, b] = [newValue([2]), newValue([2])];
const GRAPH = {
  inputs: [{ name: "x", value: x }],
  constants: [],
  nodes: [
    { operation: { type: "identity" }, inputs: [x], outputs: [a] },
    { operation: { type: "unary", function: "exp" }, inputs: [a], outputs: [b] },
  ],
  outputs: [
    { name: "first", value: a },
    { name: "second", value: b },
  ],
} as const;

test("gives later nodes and outputs the values that replace earlier ones", () => {
  const result = rewrite(GRAPH, ({ operation, inputs }) =>
    operation.type === "identity" ? { values: inputs } : undefined,
  );
  expect(operationsOf(result)).toEqual(["unary exp"]);
  expect(result.nodes[0]?.inputs).toEqual([x]);
  expect(result.outputs.map(({ value }) => value)).toEqual([x, b]);
});

test("knows the maker of what it has rewritten, and of nothing that comes from outside", () => {
  const makers: (string | undefined)[] = [];
  rewrite(GRAPH, ({ inputs }, { producerOf }) => {
    makers.push(...inputs.map((input) => producerOf(input)?.operation.type));
    return undefined;
  });
  expect(makers).toEqual([undefined, "identity"]);
});

test("leaves the graph that it was given as it was", () => {
  rewrite(GRAPH, ({ inputs }) => ({ values: inputs }));
  expect(GRAPH.nodes).toHaveLength(2);
});

test("counts reads by nodes and as outputs", () => {
  const uses = countUses(GRAPH);
  expect([x, a, b].map((value) => uses.get(value))).toEqual([1, 2, 1]);
});
