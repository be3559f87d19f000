import type { Value } from "../graph.ts";
import type {
  TensorflowAttribute,
  TensorflowNode,
  TensorflowTensor,
  TensorflowType,
} from "./protobuf.ts";

/** Attributes of an operation by name. */
export type TensorflowAttributes = Readonly<Record<string, TensorflowAttribute>>;

/** A TensorFlow graph under construction: gives values their names and collects operations. */
export class GraphBuilder {
  readonly nodes: TensorflowNode[] = [];
  readonly #names = new Map<Value, string>();
  readonly #shared = new Map<string, string>();
  readonly #narrow = new Map<string, string>();

  /** Fixes the name of the tensor that holds `value`. */
  nameValue(value: Value, name: string): void {
    this.#names.set(value, name);
  }

  /** The name of the tensor that holds `value`. */
  nameOf(value: Value): string {
    const name = this.#names.get(value) ?? `v${this.#names.size}`;
    this.#names.set(value, name);
    return name;
  }

  /** Adds an operation whose first result is called `name`. */
  add(
    operator: string,
    inputs: readonly string[],
    name: string,
    attributes: TensorflowAttributes = {},
  ): void {
    this.nodes.push({ name, operator, inputs, attributes });
  }

  /** Adds an operation, or finds an equal one, and gives the name of its first result. */
  share(
    operator: string,
    inputs: readonly string[],
    attributes: TensorflowAttributes = {},
  ): string {
    const key = JSON.stringify([operator, inputs, attributes], (_, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value,
    );
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const name = `t${this.#shared.size}`;
    this.#shared.set(key, name);
    this.add(operator, inputs, name, attributes);
    return name;
  }

  /** The name of a constant. */
  constant(tensor: TensorflowTensor): string {
    return this.share("Const", [], { dtype: { type: tensor.type }, value: { tensor } });
  }

  /** The name of a constant i32 vector, or of a scalar when `numbers` is a number. */
  int32(numbers: readonly number[] | number): string {
    const list = typeof numbers === "number" ? [numbers] : numbers;
    const bytes = new Uint8Array(Int32Array.from(list).buffer);
    const shape = typeof numbers === "number" ? [] : [list.length];
    return this.constant({ type: "int32", shape, bytes });
  }

  /** The name of a constant f32 scalar. */
  float(value: number): string {
    const bytes = new Uint8Array(Float32Array.of(value).buffer);
    return this.constant({ type: "float32", shape: [], bytes });
  }

  /** Notes that the f32 tensor `wide` has been widened from a bf16 tensor, called `narrow`. */
  noteNarrow(wide: string, narrow: string): void {
    this.#narrow.set(wide, narrow);
  }

  /** The bf16 tensor with the same numbers as an f32 tensor, where one is known. */
  narrowOf(wide: string): string | undefined {
    return this.#narrow.get(wide);
  }

  /** The name of `input` as another type; asked twice, it is cast once. */
  cast(input: string, from: TensorflowType, to: TensorflowType): string {
    return this.share("Cast", [input], { SrcT: { type: from }, DstT: { type: to } });
  }
}
