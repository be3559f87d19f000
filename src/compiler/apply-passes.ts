import type { Graph } from "./graph.ts";

/** Makes another graph with the same outputs; known by its function's name. */
export type Pass = (graph: Graph) => Graph;

/** Names of passes to leave out, to measure what they are worth. */
export type WithoutPasses = ReadonlySet<string>;

/** Nothing is left out. */
export const ALL_PASSES: WithoutPasses = new Set();

/** Applies passes in order, but for those left out. */
export function applyPasses(graph: Graph, passes: readonly Pass[], without: WithoutPasses): Graph {
  return passes
    .filter((pass) => !without.has(pass.name))
    .reduce((current, pass) => pass(current), graph);
}
