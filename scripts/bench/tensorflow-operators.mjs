// Where the time of forward and backward goes in TensorFlow, by kernel, in f32 and in bf16; writes the table of
// docs/COMPILER.md.
//
//     npm run build && node scripts/bench/tensorflow-operators.mjs [--sizes s,m,b] [--steps 8] [--no-write]
//
// TensorFlow's addon hands out no timeline, so the thread that computes is sampled from outside: Linux with
// `perf`, and the right to use it (kernel.perf_event_paranoid of at most 1). A sample counts for the kernel on its
// stack; code without a name is oneDNN's, made when it runs, nearly all of it matrix products. One block on one
// thread; the first half of the samples, compilation and first steps, is not counted.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createEngine } from "../../dist/engine/create-engine.js";
import { fillPage } from "./compiler-page.mjs";
import { SIZES } from "./sizes.mjs";
import { tracedStep } from "./traced-step.mjs";

const { values: options } = parseArgs({
  options: {
    sizes: { type: "string", default: "s,m,b" },
    steps: { type: "string", default: "8" },
    /** Given to the process that is sampled: "size precision". */
    sampled: { type: "string" },
    "no-write": { type: "boolean", default: false },
  },
});

/** A step of the size s is so short that more of them are needed. */
const TIMES = { s: 8, m: 1, b: 1 };

/** Kernels by what they do, for the rows of the table; the first that fits. */
const GROUPS = [
  ["matrix products", /MatMul|Matmul/],
  ["casts to bf16 and back", /CastOp/],
  ["error function, exponentials, softmax", /UnaryOp.*(erf|exp|log|rsqrt|tanh)|Softmax/],
  ["products, sums and differences of elements", /BinaryOp|UnaryOp|AddN|Select/],
  ["sums over axes", /Reduction/],
  ["moving and cutting", /Slice|Concat|Transpose|Pad|Reshape|Gather|Inplace|Tile|Pack|Scatter/],
];
const REST = "all other";

if (options.sampled !== undefined) await computeSteps(...options.sampled.split(" "));
else writeTable();

function writeTable() {
  const sizes = options.sizes.split(",");
  const columns = sizes.flatMap((size) =>
    ["f32", "bf16"].map((precision) => ({ size, precision })),
  );
  const shares = columns.map(({ size, precision }) => sharesOf(size, precision));
  const rows = [...GROUPS.map(([group]) => group), REST].map((group) => {
    const cells = shares.map((share) => (100 * (share.get(group) ?? 0)).toFixed(1));
    return `| ${group} | ${cells.join(" | ")} |`;
  });
  const names = columns.map(({ size, precision }) => `${size} ${precision}`);
  const head = [`| kernels | ${names.join(" | ")} |`, `| --- |${" ---: |".repeat(names.length)}`];
  const table = [...head, ...rows].join("\n");
  console.log(table);
  if (!options["no-write"]) fillPage("tensorflow operators", table);
}

function sharesOf(size, precision) {
  const folder = mkdtempSync(join(tmpdir(), "smallinit-samples-"));
  try {
    const data = join(folder, "perf.data");
    const self = fileURLToPath(import.meta.url);
    const sampled = [process.execPath, self, "--sampled", `${size} ${precision}`];
    const quiet = { stdio: ["ignore", "ignore", "ignore"] };
    const steps = ["--steps", options.steps];
    execFileSync("perf", ["record", "-g", "-F", "999", "-o", data, ...sampled, ...steps], quiet);
    const fields = ["-F", "comm,time,ip,sym,dso"];
    const text = execFileSync("perf", ["script", "-i", data, ...fields], {
      ...{ encoding: "utf8", maxBuffer: 2 ** 30 },
      stdio: ["ignore", "pipe", "ignore"],
    });
    return groupShares(text);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The share of each group, of the samples of the thread that computes. */
function groupShares(text) {
  const stacks = text.split("\n\n").filter((sample) => sample.trimStart().startsWith("tf_"));
  const counted = stacks
    .slice(stacks.length / 2)
    .map((sample) => sample.trim().split("\n").slice(1));
  const found = new Map();
  for (const frames of counted) {
    const group = groupOf(frames);
    found.set(group, (found.get(group) ?? 0) + 1 / counted.length);
  }
  return found;
}

function groupOf(frames) {
  const kernel = frames.find(
    (frame) => frame.includes("::Compute") && !frame.includes("ThreadPoolDevice::Compute"),
  );
  if (kernel !== undefined) return GROUPS.find(([, names]) => names.test(kernel))?.[0] ?? REST;
  const isNameless = frames.length === 0 || frames[0].includes("[unknown]");
  return isNameless ? GROUPS[0][0] : REST;
}

async function computeSteps(size, precision) {
  const { model, blockShape, parameters } = tracedStep(SIZES[size]);
  const engine = await createEngine({
    ...{ engine: "tensorflow", device: "cpu", model, precision, numThreads: 1 },
    environment: process.env,
  });
  engine.putParameters(parameters);
  const { numSequences, length } = blockShape;
  const tokens = Int32Array.from(
    { length: numSequences * (length + 1) },
    (_, i) => (i * 7919 + 13) % model.vocabSize,
  );
  const gradient = new Float32Array(parameters.length);
  const numSteps = Number(options.steps) * TIMES[size];
  for (let i = 0; i < numSteps; i++) {
    await engine.gradient({ numSequences, length, tokens }, gradient);
  }
  await engine[Symbol.asyncDispose]();
}
