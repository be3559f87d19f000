import type { Graph, GraphNode, NamedValue, Value } from "../graph.ts";

/**
 * An output that is zero but for a few rows, left to the caller to put together: row `ids[i]` of
 * f32[numRows, ...] is the sum of all rows i of the graph's output `rows` with that id, in order.
 */
export interface RowSum {
  /** The output's name before the split. */
  readonly name: string;
  /** The graph's output that holds the rows instead. */
  readonly rows: string;
  readonly numRows: number;
  readonly ids: RowIds;
}

/** Where row numbers come from: an input of the graph, or known numbers. */
export type RowIds =
  | { readonly type: "input"; readonly name: string }
  | { readonly type: "constant"; readonly ids: Int32Array };

/** A graph without its sums by row, and those sums. */
export interface SplitGraph {
  readonly graph: Graph;
  readonly rowSums: readonly RowSum[];
}

/**
 * Takes segment sums that are only outputs, an embedding's gradient, out of the graph.
 *
 * They touch as many rows as there are tokens, not the whole vocabulary; and ONNX Runtime's scatter
 * adds in an order that depends on its threads, while the caller's loop has one order.
 */
export function splitRowSums(graph: Graph): SplitGraph {
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((o) => [o, node])));
  const rowSums: RowSum[] = [];
  const outputs: NamedValue[] = [];
  for (const output of graph.outputs) {
    const sum = rowSumOf(graph, producers, output);
    if (sum === undefined) {
      outputs.push(output);
      continue;
    }
    rowSums.push(sum.rowSum);
    outputs.push({ name: sum.rowSum.rows, value: sum.rows });
  }
  return { graph: { ...graph, outputs }, rowSums };
}

function rowSumOf(
  graph: Graph,
  producers: ReadonlyMap<Value, GraphNode>,
  { name, value }: NamedValue,
): { readonly rowSum: RowSum; readonly rows: Value } | undefined {
  const node = producers.get(value);
  if (node?.operation.type !== "segmentSum") return undefined;
  const [rows, idsValue] = node.inputs;
  const ids = idsValue && idsOf(graph, origin(producers, idsValue));
  if (rows === undefined || ids === undefined) return undefined;
  const { numSegments } = node.operation;
  return { rowSum: { name, rows: `rows of ${name}`, numRows: numSegments, ids }, rows };
}

/** What a value was before reshapes. */
function origin(producers: ReadonlyMap<Value, GraphNode>, value: Value): Value {
  const node = producers.get(value);
  const before = node?.operation.type === "reshape" ? node.inputs[0] : undefined;
  return before === undefined ? value : origin(producers, before);
}

function idsOf(graph: Graph, value: Value): RowIds | undefined {
  const input = graph.inputs.find((candidate) => candidate.value === value);
  if (input !== undefined) return { type: "input", name: input.name };
  const constant = graph.constants.find((candidate) => candidate.value === value);
  if (!(constant?.data instanceof Int32Array)) return undefined;
  return { type: "constant", ids: constant.data };
}
