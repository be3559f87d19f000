// Tokens per second of one worker on one core: the engines, and PyTorch eager on the same model where
// a Python with torch is found (SMALLINIT_PYTHON, else python3), in f32 and in bf16 (autocast).
//
//     npm run build && taskset -c 0 node scripts/bench/engines.mjs [--sizes s,m,b] [--rounds 7]
//         [--clock wall|cpu] [--sides onnx,tensorflow,torch,tensorflow-bf16,torch-bf16] [--no-tfjs]
//
// Each side computes the loss and all gradients of the same block, forward and backward, without an
// optimizer. The sides take turns within each round, so that a change in the machine's load meets
// all of them; what counts are the ratios. On a machine that others use, `--clock cpu` counts the time
// that each side had the core.
import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { medianOf } from "../../dist/base/median.js";
import { createEngine } from "../../dist/engine/create-engine.js";
import { findTensorflow } from "../../dist/engine/find-tensorflow.js";
import { initialParameters } from "../../dist/model/initial-parameters.js";
import { parameterLayout } from "../../dist/model/parameter-layout.js";
import { SIZES } from "./sizes.mjs";

const { values: options } = parseArgs({
  options: {
    sizes: { type: "string", default: "s,m,b" },
    clock: { type: "string", default: "wall" },
    rounds: { type: "string", default: "7" },
    sides: { type: "string", default: "onnx,tensorflow,torch,tensorflow-bf16,torch-bf16" },
    "no-tfjs": { type: "boolean", default: false },
  },
});

for (const size of options.sizes.split(",")) await compareSides(size);

async function compareSides(size) {
  const { block: numSequences, ...shape } = SIZES[size];
  const model = {
    ...shape,
    ...{ ffn: "geglu", ffnSize: 3 * shape.embeddingSize, positions: "rotary", norm: "pre" },
    ...{ smallInit: true, embedNorm: true, layerNormEpsilon: 1e-5, bias: true },
  };
  const sides = [];
  for (const name of options.sides.split(",")) {
    const side = await startSide(name, { model, numSequences }, model.contextLength);
    if (side !== undefined) sides.push({ ...side, rates: [] });
  }
  for (const side of sides) side.numSteps = Math.max(1, Math.round(1 / (await side.secondsOf(1))));
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const side of sides) {
      const seconds = await side.secondsOf(side.numSteps);
      side.rates.push((side.numSteps * side.numTokens) / seconds);
    }
  }
  report(size, sides);
  for (const side of sides) await side.stop();
  if (!options["no-tfjs"]) await reportTfjs(size, { model, numSequences });
}

/** Each side, with its ratio to PyTorch in the same precision, round by round. */
function report(size, sides) {
  for (const { name, precision, rates } of sides) {
    const peer = sides.find((side) => side.isPeer && side.precision === precision);
    const ratio = peer && medianOf(rates.map((rate, round) => rate / peer.rates[round]));
    console.log(
      `${size}  ${name.padEnd(30)} ${medianOf(rates).toFixed(0).padStart(8)} tokens/s` +
        (ratio === undefined ? "" : `  ${ratio.toFixed(2)} x PyTorch ${precision}`),
    );
  }
}

function startSide(name, setup, length) {
  const [kind, precision = "f32"] = name.split("-");
  if (kind === "torch") return startTorch({ ...setup, precision });
  if (kind === "tensorflow" && findTensorflow(process.env) === undefined) {
    console.log("no engine tensorflow here: npm run setup:tensorflow");
    return undefined;
  }
  return startEngine(kind, { ...setup, precision }, length);
}

/** Plain JavaScript is some hundred times slower: one short sequence, two runs. */
async function reportTfjs(size, { model }) {
  const side = await startEngine("tfjs", { model, numSequences: 1 }, 16);
  await side.secondsOf(1);
  const rate = side.numTokens / (await side.secondsOf(1));
  console.log(
    `${size}  ${side.name.padEnd(30)} ${rate.toFixed(0).padStart(8)} tokens/s (1 x 16 tokens)`,
  );
  await side.stop();
}

async function startEngine(name, { model, numSequences, precision = "f32" }, length) {
  const engine = await createEngine({
    ...{ engine: name, device: "cpu", model, precision, numThreads: 1 },
    environment: process.env,
  });
  engine.putParameters(initialParameters(model, 1));
  const gradient = new Float32Array(parameterLayout(model).numParams);
  const tokens = Int32Array.from(
    { length: numSequences * (length + 1) },
    (_, i) => (i * 7919 + 13) % model.vocabSize,
  );
  const block = { numSequences, length, tokens };
  if (name !== "tfjs") await engine.gradient(block, gradient);
  return {
    name: engine.description.runtime,
    precision,
    numTokens: numSequences * length,
    async secondsOf(numSteps) {
      const start = secondsNow();
      for (let i = 0; i < numSteps; i++) await engine.gradient(block, gradient);
      return secondsNow() - start;
    },
    stop: () => engine[Symbol.asyncDispose](),
  };
}

/** Undefined, with a word, where no Python has torch. */
async function startTorch(setup) {
  const python = process.env.SMALLINIT_PYTHON ?? "python3";
  if (spawnSync(python, ["-c", "import torch"]).status !== 0) {
    console.log(`no PyTorch: ${python} cannot import torch (set SMALLINIT_PYTHON)`);
    return undefined;
  }
  const script = fileURLToPath(new URL("torch_model.py", import.meta.url));
  const child = spawn(python, [script, JSON.stringify(setup), options.clock], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { name } = JSON.parse((await lines.next()).value);
  return {
    name,
    isPeer: true,
    precision: setup.precision,
    numTokens: setup.numSequences * setup.model.contextLength,
    async secondsOf(numSteps) {
      child.stdin.write(`${numSteps}\n`);
      return Number((await lines.next()).value);
    },
    stop: () => child.stdin.end(),
  };
}

function secondsNow() {
  if (options.clock === "wall") return performance.now() / 1e3;
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
