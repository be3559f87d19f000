import { numElements, type Value } from "../graph.ts";
import type { OnnxAttribute, OnnxNode, OnnxTensor } from "./protobuf.ts";

/** An ONNX model under construction: gives values their names and collects operators and tensors. */
export class ModelBuilder {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  readonly #names = new Map<Value, string>();
  readonly #constants = new Map<string, string>();
  #numTemporaries = 0;

  /** Fixes the name of a value: a model's inputs keep theirs. */
  nameValue(value: Value, name: string): void {
    this.#names.set(value, name);
  }

  /** Whether a value has its name already. */
  isNamed(value: Value): boolean {
    return this.#names.has(value);
  }

  /** The name of a value in the model. */
  nameOf(value: Value): string {
    const name = this.#names.get(value) ?? `v${this.#names.size}`;
    this.#names.set(value, name);
    return name;
  }

  /** A name for a value that the graph does not know of. */
  temporary(): string {
    return `t${this.#numTemporaries++}`;
  }

  /** Adds an operator of ONNX's own domain. */
  add(
    operator: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): void {
    this.nodes.push({ operator, domain: "", inputs, outputs, attributes });
  }

  /** Adds an operator of ONNX Runtime's domain. */
  addMicrosoft(
    operator: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): void {
    this.nodes.push({ operator, domain: "com.microsoft", inputs, outputs, attributes });
  }

  /** The name of a constant i64 vector, or of a scalar when `numbers` is a number. */
  int64(numbers: readonly number[] | number): string {
    const list = typeof numbers === "number" ? [numbers] : numbers;
    const bytes = new Uint8Array(BigInt64Array.from(list, BigInt).buffer);
    const shape = typeof numbers === "number" ? [] : [list.length];
    return this.#constant({ name: "", type: "int64", shape, bytes });
  }

  /** The name of a constant f32 vector. */
  floats(numbers: readonly number[]): string {
    const bytes = new Uint8Array(Float32Array.from(numbers).buffer);
    return this.#constant({ name: "", type: "float32", shape: [numbers.length], bytes });
  }

  /** The name of a constant f32 scalar. */
  float(value: number): string {
    const bytes = new Uint8Array(Float32Array.of(value).buffer);
    return this.#constant({ name: "", type: "float32", shape: [], bytes });
  }

  /** The name of a constant f32 tensor whose elements are all `value`. */
  filled(value: number, shape: readonly number[]): string {
    const bytes = new Uint8Array(new Float32Array(numElements(shape)).fill(value).buffer);
    return this.#constant({ name: "", type: "float32", shape, bytes });
  }

  #constant(tensor: OnnxTensor): string {
    const key = `${tensor.type} ${tensor.shape} ${Buffer.from(tensor.bytes).toString("latin1")}`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const name = `c${this.#constants.size}`;
    this.#constants.set(key, name);
    this.initializers.push({ ...tensor, name });
    return name;
  }
}
