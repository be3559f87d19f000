// What each pass of the compiler is worth: the step without it against the step with all of them, in one
// process and in turn; writes the table of docs/COMPILER.md.
//
//     npm run build && node scripts/bench/passes.mjs [--sizes s,m,b] [--engines onnx,tensorflow]
//         [--rounds 7] [--passes NAME,...] [--no-write]
//
// Forward and backward of one block on one thread. What is compared is the time that this process had the
// core, so that other work on the machine disturbs little; of the ratios of the rounds the median
// counts. Differences below 1 % are noise. Results are merged into docs/passes.json, so that a call may
// measure a part alone.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { medianOf } from "../../dist/base/median.js";
import { gradientName, INPUTS, LOSS, TARGETS } from "../../dist/compiler/model-programs.js";
import { optimize } from "../../dist/compiler/optimize.js";
import { flattenParameters } from "../../dist/compiler/passes/flat-parameters.js";
import { optimizeForTensorflow } from "../../dist/compiler/tensorflow/optimize-for-tensorflow.js";
import { findTensorflow } from "../../dist/engine/find-tensorflow.js";
import { GradientDestinations } from "../../dist/engine/gradient-destinations.js";
import { loadTensorflow } from "../../dist/engine/load-tensorflow.js";
import { compileOnnxProgram, tensorOver } from "../../dist/engine/onnx-program.js";
import { compileTensorflowProgram } from "../../dist/engine/tensorflow-program.js";
import { fillPage } from "./compiler-page.mjs";
import { SIZES } from "./sizes.mjs";
import { tracedStep } from "./traced-step.mjs";

/** Steps of one measurement. */
const STEPS = { s: 6, m: 1, b: 1 };

const BOTH = ["onnx", "tensorflow"];

/** What each pass does, for the table; and which engines apply it. */
const PASSES = {
  removeCopies: ["drops identities, casts to the same type, reshapes of reshapes", BOTH],
  simplifyArithmetic: ["drops products with one and sums with zero", BOTH],
  shareEqualNodes: ["computes equal things once", BOTH],
  splitRowSums: ["leaves the embedding's gradient to a loop over the tokens", ["onnx"]],
  avoidOneHots: ["subtracts one at each target, instead of a one-hot matrix", BOTH],
  fuseScales: ["lets a product multiply by a number as well", BOTH],
  fuseAddends: ["adds biases and other contributions within the product", BOTH],
  removeDeadCode: ["drops what no output needs", BOTH],
};

const { values: options } = parseArgs({
  options: {
    sizes: { type: "string", default: "s,m,b" },
    engines: { type: "string", default: "onnx,tensorflow" },
    rounds: { type: "string", default: "7" },
    passes: { type: "string", default: Object.keys(PASSES).join(",") },
    "no-write": { type: "boolean", default: false },
  },
});

for (const engine of options.engines.split(",")) {
  if (engine === "tensorflow" && findTensorflow(process.env) === undefined) {
    console.log("no engine tensorflow here: npm run setup:tensorflow");
    continue;
  }
  for (const size of options.sizes.split(",")) await measure(engine, size);
}

async function measure(engine, size) {
  const setup = tracedStep(SIZES[size]);
  const compile = engine === "onnx" ? compileForOnnx : compileForTensorflow;
  const whole = await compile(setup, new Set());
  await secondsOf(whole, 1);
  for (const pass of options.passes.split(",")) {
    const [, engines] = PASSES[pass];
    if (!engines.includes(engine)) continue;
    const part = await compile(setup, new Set([pass]));
    await secondsOf(part, 1);
    const ratios = [];
    for (let round = 0; round < Number(options.rounds); round++) {
      const seconds = await secondsOf(whole, STEPS[size]);
      ratios.push((await secondsOf(part, STEPS[size])) / seconds);
    }
    await part.dispose();
    const percent = 100 * (medianOf(ratios) - 1);
    console.log(`${size} ${engine}: without ${pass} ${percent.toFixed(1)} % longer`);
    if (!options["no-write"]) keep({ engine, size, pass, percent });
  }
  await whole.dispose();
}

async function compileForOnnx({ traced, places, parameters, ids, blockShape }, without) {
  const { graph } = optimize(traced, without);
  const program = await compileOnnxProgram(graph, { device: "cpu", numThreads: 1 });
  const outputs = program.newOutputs();
  const shape = [blockShape.numSequences, blockShape.length];
  const inputs = { [INPUTS]: tensorOver(ids, shape), [TARGETS]: tensorOver(ids, shape) };
  for (const place of places) {
    const floats = parameters.slice(place.offset, place.offset + place.length);
    inputs[place.name] = tensorOver(floats, place.shape);
  }
  return {
    run: () => program.run(inputs, outputs),
    dispose: () => program[Symbol.asyncDispose](),
  };
}

function compileForTensorflow({ traced, places, parameters, ids, blockShape }, without) {
  const settings = { device: "cpu", numThreads: 1, environment: process.env };
  const { binding } = loadTensorflow(settings);
  const graph = optimizeForTensorflow(flattenParameters(traced, places, "parameters"), without);
  const written = places.map(({ name }) => gradientName(name));
  const options = { precision: "f32", variables: [], written };
  const site = { engine: "tensorflow", runtime: "", device: "cpu", computes: "a gradient" };
  const program = compileTensorflowProgram(binding, { graph, options }, site);
  const shape = [blockShape.numSequences, blockShape.length];
  const tokens = () => binding.createTensor(shape, binding.TF_INT32, ids);
  const destinations = new GradientDestinations(binding, places);
  const feeds = {
    parameters: binding.createTensor([parameters.length], binding.TF_FLOAT, parameters),
    ...{ [INPUTS]: tokens(), [TARGETS]: tokens() },
  };
  const all = { ...feeds, ...destinations.of(new Float32Array(parameters.length)).feeds };
  return {
    run: () => {
      for (const id of program.run(all, [LOSS])) binding.deleteTensor(id);
    },
    dispose: () => {
      for (const id of Object.values(feeds)) binding.deleteTensor(id);
      destinations.dispose();
      program.dispose();
    },
  };
}

/** The time that this process had a core for some steps. */
async function secondsOf(program, numSteps) {
  const before = process.cpuUsage();
  for (let step = 0; step < numSteps; step++) await program.run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** Merges a result into the raw numbers, and writes the table between the marks of the page. */
function keep({ engine, size, pass, percent }) {
  const path = fileURLToPath(new URL("../../docs/passes.json", import.meta.url));
  const results = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};
  results[pass] = { ...results[pass], [`${engine} ${size}`]: Number(percent.toFixed(1)) };
  writeFileSync(path, `${JSON.stringify(results, null, 2)}\n`);
  const columns = BOTH.flatMap((name) => Object.keys(SIZES).map((each) => `${name} ${each}`));
  const rows = Object.entries(PASSES).map(([name, [does]]) => {
    const cells = columns.map((column) => results[name]?.[column]?.toFixed(1) ?? "");
    return `| \`${name}\` | ${does} | ${cells.join(" | ")} |`;
  });
  const table = [
    `| pass | what it does | ${columns.join(" | ")} |`,
    `| --- | --- |${" ---: |".repeat(columns.length)}`,
    ...rows,
  ].join("\n");
  fillPage("passes", table);
}
