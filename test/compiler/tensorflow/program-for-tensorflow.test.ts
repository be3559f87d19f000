import { describe, expect, test } from "vitest";
import { emitTensorflow } from "../../../src/compiler/tensorflow/emit-tensorflow.ts";
import {
  type ProgramKind,
  type ProgramTarget,
  programForTensorflow,
} from "../../../src/compiler/tensorflow/program-for-tensorflow.ts";
import { TENSORFLOW_TYPE } from "../../../src/compiler/tensorflow/protobuf.ts";
import { sampleModel } from "../../reference/sample-model.ts";
import { OPERATIONS_OF_2_9 } from "./operations-of-2-9.ts";
import { type ReadNode, readNodes } from "./read-nodes.ts";

const block = { numSequences: 2, length: 6 };
const KINDS: readonly ProgramKind[] = [
  { type: "gradient", block },
  { type: "loss", block },
  { type: "logits", block },
  { type: "decode" },
];

/** Every option of the model that decides what is computed, in each of its values, with all others. */
const MODELS = (["pre", "post"] as const).flatMap((norm) =>
  (["geglu", "gelu"] as const).flatMap((ffn) =>
    (["rotary", "learned"] as const).flatMap((positions) =>
      [true, false].map((bias) => sampleModel({ norm, ffn, positions, bias, embedNorm: bias })),
    ),
  ),
);

const WAYS = (["f32", "bf16"] as const).flatMap((precision) =>
  (
    [
      { parameters: "fed", device: "cpu" },
      { parameters: "variable", device: "cpu" },
      { parameters: "variable", device: "gpu:0" },
    ] as const
  ).map((place) => ({ precision, ...place })),
);

describe.each(WAYS)("in $precision on $device with parameters $parameters", (way) => {
  test("no program has an operation, attribute or type that TensorFlow 2.9 lacks", () => {
    const nodes = MODELS.flatMap((model) => nodesOf({ model, ...way }));
    expect([...new Set(nodes.flatMap(unknownIn))]).toEqual([]);
  });
});

test("the operations that only one way needs are among those that are looked at", () => {
  const [model = sampleModel()] = MODELS;
  const operatorsOf = (way: Omit<ProgramTarget, "model" | "precision">) =>
    new Set(nodesOf({ model, precision: "bf16", ...way }).map(({ operator }) => operator));
  const fed = operatorsOf({ parameters: "fed", device: "cpu" });
  const variable = operatorsOf({ parameters: "variable", device: "gpu:0" });
  expect(fed).toContain("InplaceUpdate");
  // On a GPU it would go by way of the host.
  expect(fed).toContain("TensorScatterAdd");
  expect(variable).not.toContain("TensorScatterAdd");
  expect(variable).toContain("OneHot");
  expect(
    ["VarHandleOp", "AssignVariableOp", "DeepCopy", "ConcatV2"].filter(
      (name) => !variable.has(name),
    ),
  ).toEqual([]);
});

test.each([
  ["an operation", "BatchMatMulV3", { Ta: "float32" }, "BatchMatMulV3"],
  ["an attribute", "MatMul", { T: "float32", grad_a: "flag" }, "MatMul with grad_a = flag"],
  ["a type", "Softmax", { T: "int32" }, "Softmax with T = int32"],
  ["a kind of value", "ConcatV2", { N: "float" }, "ConcatV2 with N = float"],
])("%s that 2.9 lacks is found", (_, operator, attributes, words) => {
  expect(unknownIn({ operator, attributes } as ReadNode)).toEqual([words]);
});

function nodesOf(target: ProgramTarget): readonly ReadNode[] {
  return KINDS.flatMap((kind) => {
    const { graph, options } = programForTensorflow(kind, target);
    return readNodes(emitTensorflow(graph, options).savedModel);
  });
}

/** What of a node 2.9 does not know, in words. */
function unknownIn({ operator, attributes }: ReadNode): readonly string[] {
  const known = OPERATIONS_OF_2_9[operator];
  if (known === undefined) return [operator];
  return Object.entries(attributes)
    .filter(([name, value]) => {
      const allowed = known.attributes[name];
      if (allowed === "any") return !(value in TENSORFLOW_TYPE);
      return typeof allowed === "string" ? value !== allowed : !allowed?.some((it) => it === value);
    })
    .map(([name, value]) => `${operator} with ${name} = ${value}`);
}
