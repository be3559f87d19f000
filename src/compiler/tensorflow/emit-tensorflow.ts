import { defined } from "../../base/assert.ts";
import {
  type Constant,
  type Graph,
  type NamedValue,
  newValue,
  numElements,
  type Value,
} from "../graph.ts";
import { GraphBuilder } from "./graph-builder.ts";
import { lowerNode } from "./lower-node.ts";
import { type Signature, type TensorflowNode, writeSavedModel } from "./protobuf.ts";
import type { MatrixPrecision } from "./site.ts";

/** How a graph is to be written. */
export interface TensorflowOptions {
  readonly precision: MatrixPrecision;
  /** Names of f32 inputs that the session keeps from one run to the next, instead of being fed. */
  readonly variables: readonly string[];
  /**
   * Names of f32 outputs that are written into memory of the caller's instead of being fetched: each is
   * fed under its name as f32[1, numElements], a view of that memory, and is there when any other
   * output has been fetched.
   */
  readonly written?: readonly string[];
}

/** How to give a variable its numbers: run with `feed` fed, and fetch `fetch`. */
export interface Assignment {
  readonly feed: string;
  readonly fetch: string;
}

/** A graph for TensorFlow, with what its inputs and outputs are called there. */
export interface TensorflowGraph {
  /** The bytes of a `saved_model.pb`; the graph's tag is `serve`. */
  readonly savedModel: Uint8Array<ArrayBuffer>;
  /** By the names of the graph: the tensors to feed. */
  readonly feeds: Readonly<Record<string, string>>;
  /** By the names of the graph: the tensors to fetch. */
  readonly fetches: Readonly<Record<string, string>>;
  /** By the names of the variables. */
  readonly assignments: Readonly<Record<string, Assignment>>;
}

/** Writes a graph as a SavedModel, of operations that TensorFlow 2.9 and later have. */
export function emitTensorflow(
  graph: Graph,
  { precision, variables, written = [] }: TensorflowOptions,
): TensorflowGraph {
  const builder = new GraphBuilder();
  const feeds: Record<string, string> = {};
  const fetches: Record<string, string> = {};
  const assignments: Record<string, Assignment> = {};
  for (const { name, value } of graph.inputs) {
    if (variables.includes(name)) assignments[name] = addVariable(builder, value);
    else feeds[name] = `${addPlaceholder(builder, value, builder.nameOf(value))}:0`;
  }
  addNodes(builder, graph, precision);
  const writes: string[] = [];
  for (const { name, value } of graph.outputs) {
    if (!written.includes(name)) continue;
    const write = addWrite(builder, value);
    feeds[name] = write.feed;
    writes.push(`^${write.name}`);
  }
  for (const { name, value } of graph.outputs) {
    if (written.includes(name)) continue;
    const source = builder.nameOf(value);
    fetches[name] = `${writes.length === 0 ? source : afterAll(builder, value, writes)}:0`;
  }
  return { savedModel: writeSavedModel(builder.nodes), feeds, fetches, assignments };
}

/** A graph that others load: its inputs and outputs have their names in the graph, and a signature. */
export interface ServedGraph {
  readonly nodes: readonly TensorflowNode[];
  readonly signature: Signature;
}

/** Translates a graph for programs other than this one, with products in f32. */
export function serveInTensorflow(graph: Graph): ServedGraph {
  const builder = new GraphBuilder();
  for (const { name, value } of graph.inputs) {
    builder.nameValue(value, name);
    addPlaceholder(builder, value, name);
  }
  addNodes(builder, graph, "f32");
  for (const { name, value } of graph.outputs) {
    builder.add("Identity", [builder.nameOf(value)], name, { T: { type: value.dataType } });
  }
  return {
    nodes: builder.nodes,
    signature: { inputs: tensorsOf(graph.inputs), outputs: tensorsOf(graph.outputs) },
  };
}

function tensorsOf(values: readonly NamedValue[]): Signature["inputs"] {
  return Object.fromEntries(
    values.map(({ name, value: { shape, dataType } }) => {
      return [name, { tensor: `${name}:0`, type: dataType, shape }];
    }),
  );
}

function addNodes(builder: GraphBuilder, graph: Graph, precision: MatrixPrecision): void {
  for (const constant of graph.constants) {
    if (constant.name !== undefined) builder.nameValue(constant.value, constant.name);
    addConstant(builder, constant);
  }
  for (const node of graph.nodes) lowerNode(builder, node, precision);
}

function addPlaceholder(builder: GraphBuilder, { shape, dataType }: Value, name: string): string {
  builder.add("Placeholder", [], name, { dtype: { type: dataType }, shape: { shape } });
  return name;
}

/** A resource variable: reading it copies nothing, and on a GPU it lies in the GPU's memory. */
function addVariable(builder: GraphBuilder, value: Value): Assignment {
  const name = builder.nameOf(value);
  const { shape, dataType } = value;
  const typed = { dtype: { type: dataType } } as const;
  const handle = `${name}_variable`;
  const shared = { shared_name: { text: name }, container: { text: "" } };
  builder.add("VarHandleOp", [], handle, { ...typed, ...shared, shape: { shape } });
  builder.add("ReadVariableOp", [handle], name, typed);
  const given = addPlaceholder(builder, value, `${name}_given`);
  // The fed memory is the caller's, and goes on being so: the variable holds a copy.
  const copy = builder.share("DeepCopy", [given], { T: { type: dataType } });
  builder.add("AssignVariableOp", [handle, copy], `${name}_assign`, typed);
  // A session returns tensors, and an assignment makes none.
  const done = builder.int32(0);
  builder.add("Identity", [done, `^${name}_assign`], `${name}_done`, { T: { type: "int32" } });
  return { feed: `${given}:0`, fetch: `${name}_done:0` };
}

/**
 * Copies a value into a fed tensor. `InplaceUpdate` writes where its first input lies, whoever else
 * looks at that; on a CPU this is the caller's memory, where that is aligned as TensorFlow wants it.
 */
function addWrite(builder: GraphBuilder, value: Value): { readonly name: string; feed: string } {
  const row = [1, numElements(value.shape)];
  const name = `${builder.nameOf(value)}_write`;
  const into = addPlaceholder(builder, newValue(row), `${name}_into`);
  const flat = { T: { type: "float32" }, Tshape: { type: "int32" } } as const;
  const source = builder.share("Reshape", [builder.nameOf(value), builder.int32(row)], flat);
  const typed = { T: { type: "float32" } } as const;
  builder.add("InplaceUpdate", [into, builder.int32([0]), source], name, typed);
  return { name, feed: `${into}:0` };
}

/** The name of a value that is there only when all `writes` have been done. */
function afterAll(builder: GraphBuilder, value: Value, writes: readonly string[]): string {
  const name = `${builder.nameOf(value)}_after_writes`;
  builder.add("Identity", [builder.nameOf(value), ...writes], name, {
    T: { type: value.dataType },
  });
  return name;
}

function addConstant(builder: GraphBuilder, { value, data }: Constant): void {
  const { dataType: type, shape } = value;
  const bytes =
    type === "bool"
      ? Uint8Array.from(defined(data, "data"), (x) => (x ? 1 : 0))
      : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  builder.add("Const", [], builder.nameOf(value), {
    dtype: { type },
    value: { tensor: { type, shape, bytes } },
  });
}
