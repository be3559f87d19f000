import { defined } from "../../base/assert.ts";
import type { OperationOf } from "../lowerings.ts";
import type { GraphBuilder, TensorflowAttributes } from "./graph-builder.ts";
import { FLOAT, flag, type Site } from "./site.ts";

/** A product of two matrices, or of two stacks of matrices. */
export function lowerMatMul(
  site: Site,
  { transposeA, transposeB, scale }: OperationOf<"matMul">,
): void {
  const { builder, node, output } = site;
  const areMatrices = node.inputs.every((input) => input.shape.length === 2);
  const product = areMatrices
    ? multiplied(site, "MatMul", { transpose_a: flag(transposeA), transpose_b: flag(transposeB) })
    : multiplied(site, "BatchMatMulV2", { adj_x: flag(transposeA), adj_y: flag(transposeB) });
  addResult(builder, product, scale, output);
}

/** A bias stays in the product's own type: so TensorFlow adds it while it multiplies. */
export function lowerAffine(
  site: Site,
  { transposeA, transposeB, scale }: OperationOf<"affine">,
): void {
  const { builder, node, inputs, output } = site;
  const flags = { transpose_a: flag(transposeA), transpose_b: flag(transposeB) };
  const product = multiplied(site, "MatMul", flags);
  const addend = inputs[2] ?? "";
  const isBias = defined(node.inputs[2], "addend").shape.length === 1;
  if (!isBias || scale !== 1) {
    builder.add("AddV2", [scaled(builder, product, scale), addend], output, FLOAT);
  } else {
    const typed = { T: { type: product.type } };
    const bias = inType(builder, addend, product.type);
    const name = builder.share("BiasAdd", [product.name, bias], typed);
    addResult(builder, { name, type: product.type }, 1, output);
  }
}

/** A product of matrices, in the type in which it was made. */
interface Product {
  readonly name: string;
  readonly type: "float32" | "bfloat16";
}

/** The product of the first two inputs, which are f32, in the precision asked for. */
function multiplied(site: Site, operator: string, flags: TensorflowAttributes): Product {
  const { builder, precision, inputs } = site;
  const type = precision === "bf16" ? "bfloat16" : "float32";
  const operands = inputs.slice(0, 2).map((input) => inType(builder, input, type));
  return { name: builder.share(operator, operands, { T: { type }, ...flags }), type };
}

function inType(builder: GraphBuilder, input: string, type: Product["type"]): string {
  if (type === "float32") return input;
  return builder.narrowOf(input) ?? builder.cast(input, "float32", type);
}

function addResult(builder: GraphBuilder, product: Product, scale: number, output: string): void {
  builder.add("Identity", [scaled(builder, product, scale)], output, FLOAT);
  if (product.type === "bfloat16" && scale === 1) builder.noteNarrow(output, product.name);
}

function scaled(builder: GraphBuilder, { name, type }: Product, scale: number): string {
  const wide = type === "float32" ? name : builder.cast(name, type, "float32");
  return scale === 1 ? wide : builder.share("Mul", [wide, builder.float(scale)], FLOAT);
}
