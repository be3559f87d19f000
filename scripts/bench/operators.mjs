// Where the time of forward and backward goes by operator, as ONNX Runtime's own profile tells; writes the
// table of docs/COMPILER.md.
//
//     npm run build && node scripts/bench/operators.mjs [--sizes s,m,b] [--steps 5] [--no-write]
//
// One block on one thread, with the settings of the engine. The first step is not counted.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import * as ort from "onnxruntime-node";
import { INPUTS, TARGETS } from "../../dist/compiler/model-programs.js";
import { emitOnnx } from "../../dist/compiler/onnx/emit-onnx.js";
import { optimize } from "../../dist/compiler/optimize.js";
import { tensorOver } from "../../dist/engine/onnx-program.js";
import { fillPage } from "./compiler-page.mjs";
import { SIZES } from "./sizes.mjs";
import { tracedStep } from "./traced-step.mjs";

const { values: options } = parseArgs({
  options: {
    sizes: { type: "string", default: "s,m,b" },
    steps: { type: "string", default: "5" },
    "no-write": { type: "boolean", default: false },
  },
});

/** Operators by what they do, for the rows of the table. */
const GROUPS = {
  "matrix products": ["Gemm", "MatMul", "FusedMatMul"],
  "products, sums and differences of elements": ["Mul", "Add", "Sub"],
  "error function and exponentials": ["Erf", "Exp", "Softmax", "Tanh", "Log"],
  "sums over axes": ["ReduceSum", "ReduceMean", "ReduceMax"],
  "moving and cutting": ["Transpose", "Slice", "Concat", "Pad", "Reshape", "Tile", "Gather"],
};

const sizes = options.sizes.split(",");
const shares = new Map();
for (const size of sizes) shares.set(size, await sharesOf(size));
const rows = [...Object.keys(GROUPS), "all other"].map((group) => {
  const cells = sizes.map((size) => (100 * (shares.get(size).get(group) ?? 0)).toFixed(1));
  return `| ${group} | ${cells.join(" | ")} |`;
});
const head = [`| operators | ${sizes.join(" | ")} |`, `| --- |${" ---: |".repeat(sizes.length)}`];
const table = [...head, ...rows].join("\n");
console.log(table);
if (!options["no-write"]) fillPage("operators", table);

async function sharesOf(size) {
  const step = tracedStep(SIZES[size]);
  const folder = mkdtempSync(join(tmpdir(), "smallinit-operators-"));
  try {
    await runProfiled(step, join(folder, "profile"));
    const [file] = readdirSync(folder);
    return groupShares(JSON.parse(readFileSync(join(folder, file), "utf8")));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runProfiled({ traced, places, parameters, ids, blockShape }, profileFilePrefix) {
  const { graph } = optimize(traced, new Set());
  const session = await ort.InferenceSession.create(emitOnnx(graph, "cpu"), {
    ...{ executionProviders: ["cpu"], intraOpNumThreads: 1, interOpNumThreads: 1 },
    ...{ enableMemPattern: false, graphOptimizationLevel: "disabled" },
    ...{ enableProfiling: true, profileFilePrefix },
  });
  const tokens = tensorOver(ids, [blockShape.numSequences, blockShape.length]);
  const inputs = { [INPUTS]: tokens, [TARGETS]: tokens };
  for (const { name, offset, length, shape } of places) {
    inputs[name] = tensorOver(parameters.slice(offset, offset + length), shape);
  }
  for (let i = 0; i <= Number(options.steps); i++) await session.run(inputs);
  session.endProfiling();
  await session.release();
}

/** The share of each group, of the time that operators took. */
function groupShares(events) {
  const kernels = events.filter(({ cat, name }) => cat === "Node" && name.endsWith("_kernel_time"));
  const counted = kernels.slice(kernels.length / (Number(options.steps) + 1));
  const groupOf = (operator) =>
    Object.keys(GROUPS).find((group) => GROUPS[group].includes(operator)) ?? "all other";
  const total = counted.reduce((sum, { dur }) => sum + dur, 0);
  const found = new Map();
  for (const { args, dur } of counted) {
    const group = groupOf(args.op_name);
    found.set(group, (found.get(group) ?? 0) + dur / total);
  }
  return found;
}
