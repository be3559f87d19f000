import { expect, test } from "vitest";
import { gradientName, LOSS, traceGradient } from "../../src/compiler/model-programs.ts";
import { optimize } from "../../src/compiler/optimize.ts";
import { parameterLayout } from "../../src/model/parameter-layout.ts";
import { sampleModel } from "../reference/sample-model.ts";
import { operationsOf } from "./same-numbers.ts";

const MODEL = sampleModel({ positions: "learned" });
const TRACED = traceGradient(MODEL, { numSequences: 2, length: 5 });

test("keeps every input and every output of a program, rows that are left to the caller included", () => {
  const { graph, rowSums } = optimize(TRACED);
  expect(graph.inputs).toEqual(TRACED.inputs);
  const split = new Map(rowSums.map(({ name, rows }) => [rows, name]));
  const names = graph.outputs.map(({ name }) => split.get(name) ?? name);
  const gradients = parameterLayout(MODEL).tensors.map(({ name }) => gradientName(name));
  expect(new Set(names)).toEqual(new Set([LOSS, ...gradients]));
});

test("leaves the embeddings' gradients to the caller, and nothing of the vocabulary's width", () => {
  const { graph, rowSums } = optimize(TRACED);
  expect(rowSums.map(({ name }) => name)).toEqual([
    gradientName("embed.weight"),
    gradientName("pos.weight"),
  ]);
  const operations = operationsOf(graph);
  expect(operations).not.toContain("oneHot");
  expect(operations).not.toContain("segmentSum");
});

test("orders nodes after what they read", () => {
  const { graph } = optimize(TRACED);
  const known = new Set([...graph.inputs, ...graph.constants].map(({ value }) => value));
  for (const node of graph.nodes) {
    for (const input of node.inputs) expect(known.has(input)).toBe(true);
    for (const output of node.outputs) known.add(output);
  }
});

test("does away with a third of what tfjs does", () => {
  const numOptimized = optimize(TRACED).graph.nodes.length;
  expect(numOptimized).toBeLessThan((2 / 3) * TRACED.nodes.length);
});

test("leaves out the passes that it is told to, and computes the same outputs", () => {
  const without = optimize(TRACED, new Set(["fuseAddends", "splitRowSums"]));
  expect(without.rowSums).toEqual([]);
  expect(without.graph.outputs.map(({ name }) => name)).toEqual(
    TRACED.outputs.map(({ name }) => name),
  );
  expect(operationsOf(without.graph)).not.toContain("affine");
  expect(operationsOf(optimize(TRACED).graph)).toContain("affine");
});
