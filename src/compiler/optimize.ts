import type { Graph } from "./graph.ts";
import { removeCopies } from "./passes/remove-copies.ts";
import { removeDeadCode } from "./passes/remove-dead-code.ts";
import { shareEqualNodes } from "./passes/share-equal-nodes.ts";

/** Passes that help every target, in the order in which they build on one another. */
export function optimize(graph: Graph): Graph {
  return [removeCopies, shareEqualNodes, removeCopies, removeDeadCode].reduce(
    (current, pass) => pass(current),
    graph,
  );
}
