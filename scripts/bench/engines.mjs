// Tokens per second of one worker on one core: engine onnx, engine tfjs, and PyTorch eager on the
// same model where a Python with torch is found (SMALLINIT_PYTHON, else python3).
//
//     npm run build && taskset -c 0 node scripts/bench/engines.mjs [--sizes s,m,b] [--rounds 7]
//         [--clock wall|cpu] [--no-tfjs]
//
// Each side computes the loss and all gradients of the same block, forward and backward, without an
// optimizer. The sides take turns within each round, so that a change in the machine's load meets
// all of them; what counts are the ratios. On a machine that others use, `--clock cpu` counts the time
// that each side had the core.
import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createEngine } from "../../dist/engine/create-engine.js";
import { initialParameters } from "../../dist/model/initial-parameters.js";
import { parameterLayout } from "../../dist/model/parameter-layout.js";

const SIZES = {
  s: {
    vocabSize: 65,
    contextLength: 64,
    embeddingSize: 128,
    numLayers: 4,
    numHeads: 4,
    numSequences: 12,
  },
  m: {
    vocabSize: 65,
    contextLength: 256,
    embeddingSize: 384,
    numLayers: 6,
    numHeads: 6,
    numSequences: 4,
  },
  b: {
    vocabSize: 4096,
    contextLength: 256,
    embeddingSize: 256,
    numLayers: 4,
    numHeads: 8,
    numSequences: 8,
  },
};

const { values: options } = parseArgs({
  options: {
    sizes: { type: "string", default: "s,m,b" },
    clock: { type: "string", default: "wall" },
    rounds: { type: "string", default: "7" },
    "no-tfjs": { type: "boolean", default: false },
  },
});

for (const size of options.sizes.split(",")) await compareSides(size);

async function compareSides(size) {
  const { numSequences, ...shape } = SIZES[size];
  const model = {
    ...shape,
    ...{ ffn: "geglu", ffnSize: 3 * shape.embeddingSize, positions: "rotary", norm: "pre" },
    ...{ smallInit: true, embedNorm: true, bias: true },
  };
  const setup = { model, numSequences };
  const torch = await startTorch(setup);
  const onnx = await startEngine("onnx", setup, model.contextLength);
  const sides = torch === undefined ? [onnx] : [onnx, torch];
  for (const side of sides) side.numSteps = Math.max(1, Math.round(1 / (await side.secondsOf(1))));
  const rates = sides.map(() => []);
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const [i, side] of sides.entries()) {
      const seconds = await side.secondsOf(side.numSteps);
      rates[i].push((side.numSteps * side.numTokens) / seconds);
    }
  }
  report(size, sides, rates);
  for (const side of sides) await side.stop();
  if (!options["no-tfjs"]) await reportTfjs(size, setup);
}

function report(size, sides, rates) {
  for (const [i, side] of sides.entries()) {
    console.log(
      `${size}  ${side.name.padEnd(30)} ${median(rates[i]).toFixed(0).padStart(8)} tokens/s`,
    );
  }
  if (sides.length < 2) return;
  const ratios = rates[0].map((rate, round) => rate / rates[1][round]);
  console.log(`${size}  onnx / PyTorch                 ${median(ratios).toFixed(2).padStart(8)}`);
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

async function startEngine(name, { model, numSequences }, length) {
  const engine = await createEngine({ engine: name, device: "cpu", model, numThreads: 1 });
  engine.putParameters(initialParameters(model, 1));
  const gradient = new Float32Array(parameterLayout(model).numParams);
  const tokens = Int32Array.from(
    { length: numSequences * (length + 1) },
    (_, i) => (i * 7919 + 13) % model.vocabSize,
  );
  const block = { numSequences, length, tokens };
  if (name === "onnx") await engine.gradient(block, gradient);
  return {
    name: engine.description.runtime,
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

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}
