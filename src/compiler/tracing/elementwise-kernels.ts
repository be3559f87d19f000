import { defined } from "../../base/assert.ts";
import { broadcastShape } from "../broadcast-shape.ts";
import type { DataType, Value } from "../graph.ts";
import { newValue } from "../graph.ts";
import type { BinaryFunction, UnaryFunction } from "../operation.ts";
import type { KernelTranslation } from "./kernel-translation.ts";
import { inputNamed } from "./kernel-translation.ts";
import { dataTypeOf } from "./recorder.ts";

const UNARY: Readonly<Record<string, UnaryFunction>> = {
  Abs: "abs",
  Cos: "cos",
  Erf: "erf",
  Exp: "exp",
  Log: "log",
  LogicalNot: "logicalNot",
  Neg: "negate",
  Reciprocal: "reciprocal",
  Rsqrt: "reciprocalSqrt",
  Sin: "sin",
  Sqrt: "sqrt",
  Square: "square",
  Tanh: "tanh",
};

const BINARY: Readonly<Record<string, BinaryFunction>> = {
  Add: "add",
  Equal: "equal",
  Greater: "greater",
  GreaterEqual: "greaterEqual",
  Less: "less",
  LessEqual: "lessEqual",
  LogicalAnd: "logicalAnd",
  Maximum: "maximum",
  Minimum: "minimum",
  Multiply: "multiply",
  Pow: "power",
  RealDiv: "divide",
  Sub: "subtract",
};

const PREDICATES: ReadonlySet<BinaryFunction> = new Set([
  "equal",
  "greater",
  "greaterEqual",
  "less",
  "lessEqual",
  "logicalAnd",
]);

/** tfjs kernels that treat each element for itself. */
export const ELEMENTWISE_KERNELS: Readonly<Record<string, KernelTranslation>> = {
  ...Object.fromEntries(Object.entries(UNARY).map(([name, f]) => [name, unary(f)])),
  ...Object.fromEntries(Object.entries(BINARY).map(([name, f]) => [name, binary(f)])),
  Identity: (inputs) => like(inputNamed(inputs, "x"), { type: "identity" }),
  Cast(inputs, attributes) {
    const x = inputNamed(inputs, "x");
    const dataType = castTarget(attributes.dtype);
    return { operation: { type: "cast" }, inputs: [x], output: newValue(x.shape, dataType) };
  },
  Select(inputs) {
    const [condition, t, e] = ["condition", "t", "e"].map((name) => inputNamed(inputs, name));
    const values = [defined(condition, "condition"), defined(t, "t"), defined(e, "e")] as const;
    const output = newValue(values[1].shape, values[1].dataType);
    return { operation: { type: "select" }, inputs: values, output };
  },
};

function unary(name: UnaryFunction): KernelTranslation {
  return (inputs) => like(inputNamed(inputs, "x"), { type: "unary", function: name });
}

function binary(name: BinaryFunction): KernelTranslation {
  return (inputs) => {
    const a = inputNamed(inputs, "a");
    const b = inputNamed(inputs, "b");
    const dataType: DataType = PREDICATES.has(name) ? "bool" : a.dataType;
    const output = newValue(broadcastShape(a.shape, b.shape), dataType);
    return { operation: { type: "binary", function: name }, inputs: [a, b], output };
  };
}

function like(
  x: Value,
  operation: { type: "identity" } | { type: "unary"; function: UnaryFunction },
) {
  return { operation, inputs: [x], output: newValue(x.shape, x.dataType) };
}

function castTarget(dtype: unknown): DataType {
  if (dtype === "float32" || dtype === "int32" || dtype === "bool") return dtype;
  return dataTypeOf("string");
}
