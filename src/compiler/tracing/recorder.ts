import type { BackendValues, DataId, DataType as TfjsDataType } from "@tensorflow/tfjs-core";
import { KernelBackend } from "@tensorflow/tfjs-core";
import { assert, defined } from "../../base/assert.ts";
import type { Constant, DataType, GraphNode, Value } from "../graph.ts";
import { newValue } from "../graph.ts";
import type { Operation } from "../operation.ts";

/**
 * A tfjs backend that stores values of graphs in place of numbers.
 *
 * tfjs asks a backend to keep data by id; here an id is an empty object that stands for a value.
 */
export class Recorder extends KernelBackend {
  #values = new Map<DataId, Value>();
  #constants = new Map<Value, Constant>();
  #nodes: GraphNode[] = [];

  /** Forgets the last recording. */
  begin(): void {
    this.end();
  }

  /** Drops everything, so that a finished trace holds no memory. */
  end(): void {
    this.#values = new Map();
    this.#constants = new Map();
    this.#nodes = [];
  }

  /** What was written down so far. */
  recorded(): { readonly constants: readonly Constant[]; readonly nodes: readonly GraphNode[] } {
    return { constants: [...this.#constants.values()], nodes: this.#nodes };
  }

  /** Writes down one operation and gives its results. */
  record(operation: Operation, inputs: readonly Value[], outputs: readonly Value[]): void {
    this.#nodes.push({ operation, inputs, outputs });
  }

  /** The value that a tensor stands for. */
  tracedValue(tensor: { readonly dataId: DataId }): Value {
    return defined(this.#values.get(tensor.dataId), "the traced value of a tensor");
  }

  /** A new id for a value. */
  dataIdOf(value: Value): DataId {
    const dataId = {};
    this.#values.set(dataId, value);
    return dataId;
  }

  /** tfjs hands over numbers: a constant of the program. */
  override write(values: BackendValues, shape: number[], dtype: TfjsDataType): DataId {
    const dataId = {};
    this.move(dataId, values, shape, dtype);
    return dataId;
  }

  override move(dataId: DataId, values: BackendValues, shape: number[], dtype: TfjsDataType): void {
    const value = newValue(shape, dataTypeOf(dtype));
    this.#values.set(dataId, value);
    this.#constants.set(value, { value, data: numbersOf(values, value.dataType) });
  }

  override readSync(dataId: DataId): BackendValues {
    const constant = this.#constants.get(this.tracedValue({ dataId }));
    assert(constant !== undefined, "a traced program read the value of a computed tensor");
    return constant.data;
  }

  override read(dataId: DataId): Promise<BackendValues> {
    return Promise.resolve(this.readSync(dataId));
  }

  override disposeData(): boolean {
    return true;
  }

  override incRef(): void {}

  decRef(): void {}

  override refCount(): number {
    return 1;
  }

  override numDataIds(): number {
    return this.#values.size;
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: true };
  }

  override floatPrecision(): 32 {
    return 32;
  }

  override epsilon(): number {
    return 1e-7;
  }

  override dispose(): void {
    this.end();
  }
}

/** The graph's name of a tfjs element type. */
export function dataTypeOf(dtype: TfjsDataType): DataType {
  assert(
    dtype === "float32" || dtype === "int32" || dtype === "bool",
    `a traced program uses tensors of ${dtype}`,
  );
  return dtype;
}

function numbersOf(values: BackendValues, dataType: DataType): Float32Array | Int32Array {
  assert(!(values[0] instanceof Uint8Array), "a traced program uses text");
  const numbers = Array.from(values as ArrayLike<number>);
  return dataType === "float32" ? Float32Array.from(numbers) : Int32Array.from(numbers);
}
